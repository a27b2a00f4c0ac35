package project

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/refract-io/refract/internal/platform/fault"
	"github.com/refract-io/refract/internal/platform/meta"
)

// ErrNotFound says that there is no such project or account.
var ErrNotFound = errors.New("no such project")

// Registry looks projects up. It caches them: a project that another process creates is seen when it is first asked for, and a
// change to one within refreshAfter. It is safe for concurrent use.
type Registry struct {
	db *meta.DB

	mu       sync.RWMutex
	byToken  map[string]cached
	accounts map[string]cachedAccount
}

const (
	refreshAfter = 10 * time.Second
	// maxUnknown bounds the cache of tokens and accounts that do not exist, which anyone can fill.
	maxUnknown = 10_000
)

type cached struct {
	project *Project // nil: known not to exist
	at      time.Time
}

type cachedAccount struct {
	account *ServiceAccount
	at      time.Time
}

// NewRegistry returns a registry over db.
func NewRegistry(db *meta.DB) *Registry {
	return &Registry{db: db, byToken: map[string]cached{}, accounts: map[string]cachedAccount{}}
}

// Spec is what a new project is made from. Zero fields get defaults: a random id and token, UTC, simplified identity.
type Spec struct {
	ID        int64
	Name      string
	Token     string
	Secret    string
	TimeZone  string
	Identity  IdentityMode
	GroupKeys []string
}

// Create makes a project and returns it with its API secret, which cannot be read back later.
func (r *Registry) Create(ctx context.Context, s Spec) (*Project, string, error) {
	if s.Name == "" {
		return nil, "", fault.New(fault.Setup, "creating a project", "", errors.New("name is empty"), "give it a name")
	}
	if s.ID == 0 {
		s.ID = 1_000_000 + rand.Int64N(9_000_000) // seven digits, as Mixpanel's
	}
	if s.Token == "" {
		s.Token = newSecret(16)
	}
	if s.Secret == "" {
		s.Secret = newSecret(16)
	}
	if s.Identity == "" {
		s.Identity = Simplified
	}
	if s.Identity != Simplified && s.Identity != Original {
		return nil, "", fault.New(fault.Setup, "creating project", s.Name, fmt.Errorf("identity mode %q is unknown", s.Identity), `use "simplified" or "original"`)
	}
	zone, err := time.LoadLocation(s.TimeZone)
	if err != nil {
		return nil, "", fault.New(fault.Setup, "creating project", s.Name, err, "use a name of the IANA database such as Europe/Berlin")
	}
	p := &Project{
		ID: s.ID, Name: s.Name, Token: s.Token, Zone: zone, Identity: s.Identity, GroupKeys: s.GroupKeys,
		Created: time.Now().UTC().Truncate(time.Millisecond), secretHash: hashSecret(s.Secret),
	}
	keys, err := json.Marshal(append([]string{}, s.GroupKeys...))
	if err != nil {
		return nil, "", fmt.Errorf("encoding group keys: %w", err)
	}
	res, err := r.db.Exec(ctx, `INSERT INTO project (id, name, token, secret_hash, time_zone, identity_mode, group_keys, created_ms)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		p.ID, p.Name, p.Token, p.secretHash, zone.String(), string(p.Identity), string(keys), p.Created.UnixMilli())
	if err != nil {
		return nil, "", fmt.Errorf("creating project %q: %w", s.Name, err)
	}
	if n, err := res.RowsAffected(); err != nil {
		return nil, "", fmt.Errorf("creating project %q: %w", s.Name, err)
	} else if n == 0 {
		return nil, "", fault.New(fault.Setup, "creating project", s.Name, fmt.Errorf("the id %d or the token is taken", s.ID), "choose another")
	}
	r.forget(p.Token)
	return p, s.Secret, nil
}

// CreateServiceAccount makes a service account for a project and returns its secret, which cannot be read back later.
func (r *Registry) CreateServiceAccount(ctx context.Context, username string, projectID int64, role Role, expires time.Time) (string, error) {
	switch role {
	case Owner, Admin, Analyst, Consumer:
	default:
		return "", fault.New(fault.Setup, "creating service account", username, fmt.Errorf("role %q is unknown", role), "use owner, admin, analyst or consumer")
	}
	if username == "" {
		return "", fault.New(fault.Setup, "creating a service account", "", errors.New("username is empty"), "give it a name")
	}
	secret := newSecret(16)
	var expiresMS sql.NullInt64
	if !expires.IsZero() {
		expiresMS = sql.NullInt64{Int64: expires.UnixMilli(), Valid: true}
	}
	res, err := r.db.Exec(ctx, `INSERT INTO service_account (username, secret_hash, project_id, role, expires_ms)
		VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`, username, hashSecret(secret), projectID, string(role), expiresMS)
	if err != nil {
		return "", fmt.Errorf("creating service account %q: %w", username, err)
	}
	if n, err := res.RowsAffected(); err != nil {
		return "", fmt.Errorf("creating service account %q: %w", username, err)
	} else if n == 0 {
		return "", fault.New(fault.Setup, "creating service account", username, errors.New("the name is taken"), "choose another")
	}
	r.mu.Lock()
	delete(r.accounts, username)
	r.mu.Unlock()
	return secret, nil
}

const projectColumns = `SELECT id, name, token, secret_hash, time_zone, identity_mode, group_keys, created_ms FROM project`

// ByToken returns the project with the token, or ErrNotFound.
func (r *Registry) ByToken(ctx context.Context, token string) (*Project, error) {
	r.mu.RLock()
	c, ok := r.byToken[token]
	r.mu.RUnlock()
	if !ok || time.Since(c.at) > refreshAfter {
		p, err := scanProject(r.db.QueryRow(ctx, projectColumns+` WHERE token = ?`, token))
		if err != nil && !errors.Is(err, ErrNotFound) {
			return nil, err
		}
		c = cached{p, time.Now()}
		r.mu.Lock()
		if p != nil || len(r.byToken) < maxUnknown {
			r.byToken[token] = c
		}
		r.mu.Unlock()
	}
	if c.project == nil {
		return nil, ErrNotFound
	}
	return c.project, nil
}

// ByID returns the project with the id, or ErrNotFound.
func (r *Registry) ByID(ctx context.Context, id int64) (*Project, error) {
	return scanProject(r.db.QueryRow(ctx, projectColumns+` WHERE id = ?`, id))
}

// BySecret returns the project with the API secret, or ErrNotFound. Mixpanel's import and export accept the secret alone as the
// user name of Basic authentication.
func (r *Registry) BySecret(ctx context.Context, secret string) (*Project, error) {
	return scanProject(r.db.QueryRow(ctx, projectColumns+` WHERE secret_hash = ?`, hashSecret(secret)))
}

// List returns all projects, oldest first.
func (r *Registry) List(ctx context.Context) ([]*Project, error) {
	rows, err := r.db.Query(ctx, projectColumns+` ORDER BY created_ms, id`)
	if err != nil {
		return nil, fmt.Errorf("listing projects: %w", err)
	}
	defer rows.Close()
	var all []*Project
	for rows.Next() {
		p, err := scanProject(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, rows.Err()
}

// Account returns the service account with the name, or ErrNotFound. An expired account is returned: the caller tells.
func (r *Registry) Account(ctx context.Context, username string) (*ServiceAccount, error) {
	r.mu.RLock()
	c, ok := r.accounts[username]
	r.mu.RUnlock()
	if !ok || time.Since(c.at) > refreshAfter {
		a, err := r.readAccount(ctx, username)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return nil, err
		}
		c = cachedAccount{a, time.Now()}
		r.mu.Lock()
		if a != nil || len(r.accounts) < maxUnknown {
			r.accounts[username] = c
		}
		r.mu.Unlock()
	}
	if c.account == nil {
		return nil, ErrNotFound
	}
	return c.account, nil
}

func (r *Registry) readAccount(ctx context.Context, username string) (*ServiceAccount, error) {
	a := &ServiceAccount{Username: username}
	var expires sql.NullInt64
	err := r.db.QueryRow(ctx, `SELECT secret_hash, project_id, role, expires_ms FROM service_account WHERE username = ?`, username).
		Scan(&a.secretHash, &a.ProjectID, &a.Role, &expires)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("reading service account %q: %w", username, err)
	}
	if expires.Valid {
		a.Expires = time.UnixMilli(expires.Int64).UTC()
	}
	return a, nil
}

func (r *Registry) forget(token string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.byToken, token)
}

func scanProject(row interface{ Scan(...any) error }) (*Project, error) {
	var p Project
	var zone, keys string
	var created int64
	err := row.Scan(&p.ID, &p.Name, &p.Token, &p.secretHash, &zone, &p.Identity, &keys, &created)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("reading a project: %w", err)
	}
	if p.Zone, err = time.LoadLocation(zone); err != nil {
		return nil, fmt.Errorf("reading the time zone of project %d: %w", p.ID, err)
	}
	if err := json.Unmarshal([]byte(keys), &p.GroupKeys); err != nil {
		return nil, fmt.Errorf("reading the group keys of project %d: %w", p.ID, err)
	}
	p.Created = time.UnixMilli(created).UTC()
	return &p, nil
}
