package project

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
	_ "time/tzdata" // the zones of projects, on machines without them

	"github.com/refract-io/refract/internal/platform/fault"
	"github.com/refract-io/refract/internal/platform/meta"
)

// ErrNotFound says that there is no such project or account.
var ErrNotFound = errors.New("no such project")

// Registry looks projects up. It caches them: what another process creates or changes is seen within ten seconds, what this one
// creates at once. While the database cannot be asked, what was known within the last hour still holds. Failures of the database
// are transient. A Registry is safe for concurrent use; the projects and accounts it returns are shared and must not be changed.
type Registry struct {
	db *meta.DB

	byToken  *cache[string, Project]
	byID     *cache[int64, Project]
	bySecret *cache[string, Project] // by the secret's hash
	accounts *cache[string, ServiceAccount]
}

// NewRegistry returns a registry over db.
func NewRegistry(db *meta.DB) *Registry { return newRegistry(db, time.Now) }

func newRegistry(db *meta.DB, now func() time.Time) *Registry {
	return &Registry{db, newCache[string, Project](now), newCache[int64, Project](now), newCache[string, Project](now), newCache[string, ServiceAccount](now)}
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

// maxToken is the greatest length of a token in bytes.
const maxToken = 255

// Create makes a project and returns it with its API secret, which cannot be read back later. Ids, tokens and secrets are
// unique: a Spec with one that is taken is a setup error.
func (r *Registry) Create(ctx context.Context, s Spec) (*Project, string, error) {
	p, secret, err := s.project()
	if err != nil {
		return nil, "", err
	}
	keys, err := json.Marshal(p.GroupKeys)
	if err != nil {
		return nil, "", fmt.Errorf("encoding group keys: %w", err)
	}
	err = r.db.InTx(ctx, func(tx *meta.Tx) error {
		for try := 0; ; try++ {
			taken, err := r.taken(ctx, tx, p)
			if err != nil {
				return err
			}
			if taken == "id" && s.ID == 0 && try < 100 {
				p.ID = newID()
				continue
			}
			if taken != "" {
				return fault.New(fault.Setup, "creating project", s.Name, fmt.Errorf("its %s is taken", taken), "choose another")
			}
			break
		}
		_, err := tx.Exec(ctx, `INSERT INTO project (id, name, token, secret_hash, time_zone, identity_mode, group_keys, created_ms)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			p.ID, p.Name, p.Token, p.secretHash, p.Zone.String(), string(p.Identity), string(keys), p.Created.UnixMilli())
		return err
	})
	if err != nil {
		return nil, "", classed("creating project", s.Name, err)
	}
	r.byToken.forget(p.Token)
	r.byID.forget(p.ID)
	r.bySecret.forget(p.secretHash)
	return p, secret, nil
}

// project checks the specification and fills in what it leaves out.
func (s Spec) project() (p *Project, secret string, err error) {
	refuse := func(what, hint string) (*Project, string, error) {
		return nil, "", fault.New(fault.Setup, "creating project", s.Name, errors.New(what), hint)
	}
	p = &Project{
		ID: s.ID, Name: s.Name, Token: s.Token, Identity: s.Identity, GroupKeys: append([]string{}, s.GroupKeys...),
		Created: time.Now().UTC().Truncate(time.Millisecond),
	}
	if p.Name == "" {
		return refuse("its name is empty", "give it a name")
	}
	if p.ID < 0 {
		return refuse(fmt.Sprintf("the id %d is negative", p.ID), "use a positive number, or 0 for a random one")
	}
	if p.ID == 0 {
		p.ID = newID()
	}
	if p.Token == "" {
		p.Token = newSecret(16)
	}
	if len(p.Token) > maxToken || strings.IndexFunc(p.Token, func(c rune) bool { return c <= ' ' || c > '~' }) >= 0 {
		return refuse("its token is too long or holds blanks or other special characters", "leave it out for a random one")
	}
	if p.Identity == "" {
		p.Identity = Simplified
	}
	if p.Identity != Simplified && p.Identity != Original {
		return refuse(fmt.Sprintf("identity mode %q is unknown", p.Identity), `use "simplified" or "original"`)
	}
	// "Local" would be another zone on another machine.
	if p.Zone, err = time.LoadLocation(s.TimeZone); err != nil || s.TimeZone == "Local" {
		return refuse(fmt.Sprintf("time zone %q is unknown", s.TimeZone), "use a name of the IANA database such as Europe/Berlin")
	}
	if secret = s.Secret; secret == "" {
		secret = newSecret(16)
	}
	p.secretHash = hashSecret(secret)
	return p, secret, nil
}

// newID returns an id of seven digits, as Mixpanel's.
func newID() int64 { return 1_000_000 + rand.Int64N(9_000_000) }

// taken returns which of the project's unique properties another has, or "".
func (r *Registry) taken(ctx context.Context, tx *meta.Tx, p *Project) (string, error) {
	for _, unique := range []struct {
		name, query string
		value       any
	}{
		{"token", `SELECT 1 FROM project WHERE token = ?`, p.Token},
		{"API secret", `SELECT 1 FROM project WHERE secret_hash = ?`, p.secretHash},
		{"id", `SELECT 1 FROM project WHERE id = ?`, p.ID},
	} {
		found, err := exists(ctx, tx, unique.query, unique.value)
		if err != nil || found {
			return unique.name, err
		}
	}
	return "", nil
}

func exists(ctx context.Context, q meta.Querier, query string, args ...any) (bool, error) {
	var one int
	err := q.QueryRow(ctx, query, args...).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// CreateServiceAccount makes a service account for a project and returns its secret, which cannot be read back later. A zero
// expires is never.
func (r *Registry) CreateServiceAccount(ctx context.Context, username string, projectID int64, role Role, expires time.Time) (string, error) {
	refuse := func(what, hint string) error {
		return fault.New(fault.Setup, "creating service account", username, errors.New(what), hint)
	}
	switch role {
	case Owner, Admin, Analyst, Consumer:
	default:
		return "", refuse(fmt.Sprintf("role %q is unknown", role), "use owner, admin, analyst or consumer")
	}
	// The name is the user of Basic authentication, which ends at a colon.
	if username == "" || strings.Contains(username, ":") {
		return "", refuse("its name is empty or holds a colon", "give it another name")
	}
	secret := newSecret(16)
	var expiresMS sql.NullInt64
	if !expires.IsZero() {
		expiresMS = sql.NullInt64{Int64: expires.UnixMilli(), Valid: true}
	}
	err := r.db.InTx(ctx, func(tx *meta.Tx) error {
		if found, err := exists(ctx, tx, `SELECT 1 FROM project WHERE id = ?`, projectID); err != nil {
			return err
		} else if !found {
			return refuse(fmt.Sprintf("there is no project %d", projectID), "create the project first")
		}
		res, err := tx.Exec(ctx, `INSERT INTO service_account (username, secret_hash, project_id, role, expires_ms)
			VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`, username, hashSecret(secret), projectID, string(role), expiresMS)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n > 0 {
			return err
		}
		return refuse("the name is taken", "choose another")
	})
	if err != nil {
		return "", classed("creating service account", username, err)
	}
	r.accounts.forget(username)
	return secret, nil
}

const projectColumns = `SELECT id, name, token, secret_hash, time_zone, identity_mode, group_keys, created_ms FROM project`

// ByToken returns the project with the token, or ErrNotFound.
func (r *Registry) ByToken(ctx context.Context, token string) (*Project, error) {
	if p, known := r.byToken.fresh(token); known {
		return orNotFound(p)
	}
	return r.byToken.load(ctx, token, func(ctx context.Context) (*Project, error) {
		return r.read(ctx, ` WHERE token = ?`, token)
	})
}

// ByID returns the project with the id, or ErrNotFound.
func (r *Registry) ByID(ctx context.Context, id int64) (*Project, error) {
	if p, known := r.byID.fresh(id); known {
		return orNotFound(p)
	}
	return r.byID.load(ctx, id, func(ctx context.Context) (*Project, error) {
		return r.read(ctx, ` WHERE id = ?`, id)
	})
}

// BySecret returns the project with the API secret, or ErrNotFound. Mixpanel's import and export accept the secret alone as the
// user name of Basic authentication.
func (r *Registry) BySecret(ctx context.Context, secret string) (*Project, error) {
	hash := hashSecret(secret)
	if p, known := r.bySecret.fresh(hash); known {
		return orNotFound(p)
	}
	return r.bySecret.load(ctx, hash, func(ctx context.Context) (*Project, error) {
		return r.read(ctx, ` WHERE secret_hash = ?`, hash)
	})
}

func orNotFound[V any](v *V) (*V, error) {
	if v == nil {
		return nil, ErrNotFound
	}
	return v, nil
}

func (r *Registry) read(ctx context.Context, where string, arg any) (*Project, error) {
	return scanProject(r.db.QueryRow(ctx, projectColumns+where, arg))
}

// List returns all projects, oldest first.
func (r *Registry) List(ctx context.Context) ([]*Project, error) {
	rows, err := r.db.Query(ctx, projectColumns+` ORDER BY created_ms, id`)
	if err != nil {
		return nil, classed("listing projects", "", err)
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
	return all, classed("listing projects", "", rows.Err())
}

// Account returns the service account with the name, or ErrNotFound. An expired account is returned: the caller tells.
func (r *Registry) Account(ctx context.Context, username string) (*ServiceAccount, error) {
	if a, known := r.accounts.fresh(username); known {
		return orNotFound(a)
	}
	return r.accounts.load(ctx, username, func(ctx context.Context) (*ServiceAccount, error) {
		a, err := r.readAccount(ctx, username)
		return a, classed("reading service account", username, err)
	})
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
		return nil, err
	}
	if expires.Valid {
		a.Expires = time.UnixMilli(expires.Int64).UTC()
	}
	return a, nil
}

// classed makes failures of the database transient and leaves answers and refusals as they are.
func classed(op, object string, err error) error {
	if err == nil || errors.Is(err, ErrNotFound) || fault.ClassOf(err) != fault.Bug {
		return err
	}
	return fault.New(fault.Transient, op, object, err, "")
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
		return nil, classed("reading a project", "", err)
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
