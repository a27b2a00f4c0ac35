package awsglue

import (
	"fmt"
	"regexp"
	"strings"
)

// What AWS says when it denies: IAM names the action and the resource; Lake Formation, where it governs the catalog beside IAM, names
// its own permission and the resource as it writes it.
var (
	iamDenial      = regexp.MustCompile(`not authorized to perform: (\S+)(?: on resource: (\S+))?`)
	locationDenial = regexp.MustCompile(`Insufficient Lake Formation permission\(s\) on (s3:\S+)`)
	lakeDenial     = regexp.MustCompile(`Insufficient Lake Formation permission\(s\): Required (.+?) on (.+?)\.?$`)
)

// deniedHint says what to grant.
func deniedHint(message string) string {
	if m := iamDenial.FindStringSubmatch(message); m != nil {
		return iamHint(m[1], strings.TrimRight(m[2], ".,"), strings.Contains(message, "explicit deny"))
	}
	if m := locationDenial.FindStringSubmatch(message); m != nil {
		return fmt.Sprintf("grant the role a data location permission (DATA_LOCATION_ACCESS) on %s in Lake Formation; IAMAllowedPrincipals never has it", m[1])
	}
	if m := lakeDenial.FindStringSubmatch(message); m != nil {
		return lakeHint(m[1], m[2])
	}
	if strings.Contains(message, "Lake Formation") {
		return "grant the role that permission in Lake Formation; IAM alone is not enough"
	}
	return "allow the action in the role's policy, on the table, its database and the catalog"
}

func iamHint(action, resource string, explicit bool) string {
	switch {
	case explicit:
		return "a policy denies the role " + action + " explicitly: take that statement away or except the role from it"
	case action == "lakeformation:GetDataAccess":
		return "allow lakeformation:GetDataAccess on * in the policy of the role that reads"
	case resource == "":
		return "allow " + action + " in the role's policy, on the table, its database and the catalog"
	}
	return "allow " + action + " on " + resource + " in the role's policy; Glue asks for it on the table, its database and the catalog"
}

func lakeHint(permission, on string) string {
	grant := strings.ToUpper(strings.ReplaceAll(permission, " ", "_"))
	switch grant {
	case "CREATE_TABLE":
		return fmt.Sprintf("grant the role CREATE_TABLE on the database %s in Lake Formation, and ALTER, DESCRIBE and INSERT on tables in it that it did not create", on)
	case "CREATE_DATABASE":
		return "create the database yourself, or grant the role CREATE_DATABASE on the catalog in Lake Formation"
	}
	return fmt.Sprintf("grant the role %s on %s in Lake Formation; if it does not exist, Lake Formation says so to nobody who may not create it", grant, on)
}
