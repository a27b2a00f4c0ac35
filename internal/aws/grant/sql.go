package grant

import (
	"strings"

	"github.com/refract-io/refract/internal/warehouse"
)

// The exporter's user in the warehouse comes into being with its first connection: IAMR: and the role's name, without path and session.
// Only then can an administrator let it create the external schema.

// User returns the database user that the exporter's connections have, or "" if that is a secret's or there is no warehouse.
func (s *Settings) User() string {
	if s.Redshift == nil || s.Redshift.SecretARN != "" {
		return ""
	}
	if s.Redshift.DBUser != "" {
		return s.Redshift.DBUser
	}
	for _, r := range s.Roles(Narrowed) {
		if has(r, UseRedshift) {
			return "IAMR:" + r.Name
		}
	}
	return ""
}

// GrantCreate returns the statement that lets the exporter's user create the external schema.
func (s *Settings) GrantCreate() string {
	user := s.User()
	if user == "" {
		user = "<USER_OF_THE_SECRET>"
	}
	return warehouse.GrantCreate(s.Redshift.Database, user) + ";"
}

// Location is the ARN of the pipeline's folder, as Lake Formation names data locations.
func (s *Settings) Location() string {
	return strings.TrimSuffix(s.bucketARN()+"/"+s.Root(), "/")
}
