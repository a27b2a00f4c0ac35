// Package project keeps the tenants: projects, their tokens and secrets, and service accounts.
//
// Secrets are random, 128 bits or more, and kept only as SHA-256 hashes: a slow password hash protects guessable words, and
// would let anyone burn the server's CPU with wrong passwords.
package project

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"time"
)

// IdentityMode is how a project ties anonymous and identified ids together (Mixpanel, "Identity management").
type IdentityMode string

const (
	// Simplified derives distinct_id from $user_id and $device_id. It is the default.
	Simplified IdentityMode = "simplified"
	// Original links ids by $identify, $create_alias and $merge events.
	Original IdentityMode = "original"
)

// Project is a tenant.
type Project struct {
	ID    int64
	Name  string
	Token string
	// Zone is the project's time zone, in which schematized pipelines count days.
	Zone     *time.Location
	Identity IdentityMode
	// GroupKeys are the configured group keys (Mixpanel, "Group analytics").
	GroupKeys []string
	Created   time.Time

	secretHash string
}

// SecretMatches reports whether secret is the project's API secret.
func (p *Project) SecretMatches(secret string) bool { return hashMatches(p.secretHash, secret) }

// Role is what a service account may do.
type Role string

// The roles of Mixpanel's service accounts. Import and the pipelines API need Owner or Admin.
const (
	Owner    Role = "owner"
	Admin    Role = "admin"
	Analyst  Role = "analyst"
	Consumer Role = "consumer"
)

// ServiceAccount is a machine's login, for one project.
type ServiceAccount struct {
	Username  string
	ProjectID int64
	Role      Role
	// Expires is zero when the account does not expire.
	Expires time.Time

	secretHash string
}

// SecretMatches reports whether secret is the account's.
func (a *ServiceAccount) SecretMatches(secret string) bool { return hashMatches(a.secretHash, secret) }

func newSecret(bytes int) string {
	b := make([]byte, bytes)
	rand.Read(b)
	return hex.EncodeToString(b)
}

func hashSecret(secret string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(secret))) }

func hashMatches(hash, secret string) bool {
	return subtle.ConstantTimeCompare([]byte(hash), []byte(hashSecret(secret))) == 1
}
