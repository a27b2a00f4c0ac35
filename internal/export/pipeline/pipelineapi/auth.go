package pipelineapi

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/refract-io/refract/internal/platform/project"
)

// Projects finds projects and accounts; project.Registry does. Methods return project.ErrNotFound for what is not there; they are
// safe for concurrent use.
type Projects interface {
	ByID(ctx context.Context, id int64) (*project.Project, error)
	BySecret(ctx context.Context, secret string) (*project.Project, error)
	Account(ctx context.Context, username string) (*project.ServiceAccount, error)
}

// authorize returns the project that the request may manage: that of the service account (owner or admin), of the secret, or any
// one for the admin token. The project's token is not enough: web pages and apps carry it.
func (s *server) authorize(ctx context.Context, header, projectID string) (*project.Project, error) {
	var wanted int64
	if projectID != "" {
		var err error
		if wanted, err = strconv.ParseInt(projectID, 10, 64); err != nil || wanted <= 0 {
			return nil, bad("project_id", "%q is no project id: use the project's number", projectID)
		}
	}
	if scheme, token, _ := strings.Cut(strings.TrimSpace(header), " "); strings.EqualFold(scheme, "Bearer") {
		return s.admin(ctx, strings.TrimSpace(token), wanted)
	}
	login, ok := project.ParseBasic(header)
	if !ok {
		return nil, &project.Denied{Status: http.StatusUnauthorized, Message: "credentials are missing: send a service account's name and secret, or the project's secret, as Basic credentials"}
	}
	if login.Password != "" {
		return s.account(ctx, login, wanted)
	}
	p, err := s.Projects.BySecret(ctx, login.User)
	switch {
	case errors.Is(err, project.ErrNotFound):
		return nil, &project.Denied{Status: http.StatusUnauthorized, Message: project.BadSecret}
	case err != nil:
		return nil, fmt.Errorf("looking up a project: %w", err)
	case wanted != 0 && wanted != p.ID:
		return nil, &project.Denied{Status: http.StatusUnauthorized, Message: project.BadProject}
	}
	return p, nil
}

func (s *server) admin(ctx context.Context, token string, wanted int64) (*project.Project, error) {
	if s.AdminToken == "" || subtle.ConstantTimeCompare([]byte(token), []byte(s.AdminToken)) != 1 {
		return nil, &project.Denied{Status: http.StatusUnauthorized, Message: "the bearer token is not the admin token: send the content of the file admin-token of the data folder"}
	}
	if wanted == 0 {
		return nil, bad("project_id", "is missing: the admin token is for all projects")
	}
	p, err := s.Projects.ByID(ctx, wanted)
	if errors.Is(err, project.ErrNotFound) {
		return nil, bad("project_id", "there is no project %d", wanted)
	}
	if err != nil {
		return nil, fmt.Errorf("looking up project %d: %w", wanted, err)
	}
	return p, nil
}

func (s *server) account(ctx context.Context, login project.Credentials, wanted int64) (*project.Project, error) {
	account, err := project.LogIn(ctx, s.Projects, login, wanted, s.Now())
	if err != nil {
		return nil, err
	}
	if wanted == 0 {
		return nil, bad("project_id", "is missing: a service account must name its project")
	}
	if account.Role != project.Owner && account.Role != project.Admin {
		return nil, &project.Denied{
			Status:  http.StatusForbidden,
			Message: fmt.Sprintf("Service account %s has the role %s: managing pipelines needs owner or admin", account.Username, account.Role),
		}
	}
	p, err := s.Projects.ByID(ctx, account.ProjectID)
	if err != nil {
		return nil, fmt.Errorf("looking up the project of service account %q: %w", account.Username, err)
	}
	return p, nil
}
