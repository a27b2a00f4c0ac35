package control

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/refract-io/refract/internal/intake/collect"
	"github.com/refract-io/refract/internal/intake/quarantine"
	"github.com/refract-io/refract/internal/platform/fault"
	"github.com/refract-io/refract/internal/platform/project"
	"github.com/refract-io/refract/internal/verify"
)

// Replayer judges and takes quarantined records again.
type Replayer interface {
	// Replay takes entries of any age; whole keeps their properties whatever Mixpanel's limits.
	Replay(ctx context.Context, f quarantine.Filter, whole bool) (quarantine.Outcome, error)
}

// Server answers the API. Fields of roles that the process does not run are nil, and their calls say so.
type Server struct {
	Projects   *project.Registry
	Quarantine *quarantine.Quarantine
	Replayer   Replayer
	Verifier   *verify.Verifier
	AWS        AWS
	// Unattributed returns the last records that belong to no project, the newest first.
	Unattributed func() []collect.Sample
	// Status returns what the process tells of itself.
	Status func(context.Context) (Status, error)
}

// Status is what runs, and how far it is.
type Status struct {
	Version string    `json:"version"`
	Roles   []string  `json:"roles"`
	Started time.Time `json:"started"`
	HTTP    string    `json:"http,omitempty"`
	SQL     string    `json:"sql,omitempty"`
	// LogPosition is the newest block, SealedPosition the newest that the store has.
	LogPosition    uint64 `json:"log_position"`
	SealedPosition uint64 `json:"sealed_position"`
}

// Handler returns the API.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/refract/status", handle(http.StatusOK, func(r *http.Request) (Status, error) { return s.Status(r.Context()) }))
	mux.HandleFunc("GET /api/refract/projects", handle(http.StatusOK, s.listProjects))
	mux.HandleFunc("POST /api/refract/projects", handle(http.StatusCreated, s.createProject))
	mux.HandleFunc("POST /api/refract/projects/{id}/service-accounts", handle(http.StatusCreated, s.createAccount))
	mux.HandleFunc("GET /api/refract/projects/{id}/aws", handle(http.StatusOK, s.awsSettings))
	mux.HandleFunc("POST /api/refract/projects/{id}/aws/doctor", handle(http.StatusOK, s.awsExamine))
	mux.HandleFunc("GET /api/refract/quarantine", handle(http.StatusOK, s.listQuarantine))
	mux.HandleFunc("GET /api/refract/quarantine/{id}", handle(http.StatusOK, s.showQuarantine))
	mux.HandleFunc("POST /api/refract/quarantine/replay", handle(http.StatusOK, s.replay))
	mux.HandleFunc("GET /api/refract/unattributed", handle(http.StatusOK, s.unattributed))
	mux.HandleFunc("POST /api/refract/verify", handle(http.StatusOK, s.verify))
	return mux
}

// Project is a project as the API shows it. Secret is set only in the answer that created it.
type Project struct {
	ID        int64     `json:"id"`
	Name      string    `json:"name"`
	Token     string    `json:"token"`
	Secret    string    `json:"secret,omitempty"`
	TimeZone  string    `json:"time_zone"`
	Identity  string    `json:"identity"`
	GroupKeys []string  `json:"group_keys"`
	Created   time.Time `json:"created"`
}

func show(p *project.Project) Project {
	return Project{ID: p.ID, Name: p.Name, Token: p.Token, TimeZone: p.Zone.String(), Identity: string(p.Identity),
		GroupKeys: append([]string{}, p.GroupKeys...), Created: p.Created}
}

func (s *Server) listProjects(r *http.Request) ([]Project, error) {
	all, err := s.Projects.List(r.Context())
	if err != nil {
		return nil, err
	}
	shown := make([]Project, len(all))
	for i, p := range all {
		shown[i] = show(p)
	}
	return shown, nil
}

// NewProject is the body of a project's creation. Everything but the name may be left out.
type NewProject struct {
	ID        int64    `json:"id,omitempty"`
	Name      string   `json:"name"`
	Token     string   `json:"token,omitempty"`
	Secret    string   `json:"secret,omitempty"`
	TimeZone  string   `json:"time_zone,omitempty"`
	Identity  string   `json:"identity,omitempty"`
	GroupKeys []string `json:"group_keys,omitempty"`
}

func (s *Server) createProject(r *http.Request) (Project, error) {
	in, err := readJSON[NewProject](r)
	if err != nil {
		return Project{}, err
	}
	p, secret, err := s.Projects.Create(r.Context(), project.Spec{ID: in.ID, Name: in.Name, Token: in.Token, Secret: in.Secret,
		TimeZone: in.TimeZone, Identity: project.IdentityMode(in.Identity), GroupKeys: in.GroupKeys})
	if err != nil {
		return Project{}, err
	}
	out := show(p)
	out.Secret = secret
	return out, nil
}

// Account is a service account. Secret is set only in the answer that created it.
type Account struct {
	Username  string     `json:"username"`
	Secret    string     `json:"secret,omitempty"`
	ProjectID int64      `json:"project_id"`
	Role      string     `json:"role"`
	Expires   *time.Time `json:"expires,omitempty"`
}

func (s *Server) createAccount(r *http.Request) (Account, error) {
	in, err := readJSON[Account](r)
	if err != nil {
		return Account{}, err
	}
	id, err := pathID(r)
	if err != nil {
		return Account{}, err
	}
	p, err := s.Projects.ByID(r.Context(), id)
	if err != nil {
		return Account{}, err
	}
	var expires time.Time
	if in.Expires != nil {
		expires = *in.Expires
	}
	in.ProjectID = p.ID
	in.Secret, err = s.Projects.CreateServiceAccount(r.Context(), in.Username, p.ID, project.Role(in.Role), expires)
	return in, err
}

func pathID(r *http.Request) (int64, error) { return number("id", r.PathValue("id")) }

func number(name, text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fault.New(fault.Setup, "reading the request's", name, fmt.Errorf("%q is no number", text), "")
	}
	return n, nil
}

// VerifyRequest names the project to reconcile.
type VerifyRequest struct {
	Project int64 `json:"project"`
}

func (s *Server) verify(r *http.Request) (*verify.Report, error) {
	in, err := readJSON[VerifyRequest](r)
	if err != nil {
		return nil, err
	}
	if s.Verifier == nil {
		return nil, fault.New(fault.Setup, "verifying project", strconv.FormatInt(in.Project, 10), fmt.Errorf("this process runs no worker"), "ask a process with the roles worker and query")
	}
	p, err := s.Projects.ByID(r.Context(), in.Project)
	if err != nil {
		return nil, err
	}
	return s.Verifier.Run(r.Context(), p.ID)
}
