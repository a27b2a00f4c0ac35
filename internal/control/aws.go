package control

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"github.com/refract-io/refract/internal/aws/doctor"
	"github.com/refract-io/refract/internal/aws/grant"
	"github.com/refract-io/refract/internal/platform/fault"
	"github.com/refract-io/refract/internal/platform/project"
)

// AWS knows what pipelines need in AWS accounts, and looks whether it is there.
type AWS interface {
	// Settings returns what the project's pipeline of the name says of AWS. With an empty name it is what the project alone says: its
	// number and external ID.
	Settings(ctx context.Context, p *project.Project, pipeline string) (*grant.Settings, error)
	// Examine checks settings against the account with the credentials that this process exports with.
	Examine(ctx context.Context, s *grant.Settings, deep bool) *doctor.Report
}

// Examination is the body of a request to check settings.
type Examination struct {
	Settings grant.Settings `json:"settings"`
	// Deep also asks the questions that AWS's documents leave open.
	Deep bool `json:"deep,omitempty"`
}

func (s *Server) aws(r *http.Request) (*project.Project, error) {
	if s.AWS == nil {
		return nil, fault.New(fault.Setup, "looking at", "AWS", errors.New("this process exports nothing"), "ask a process with the role worker")
	}
	id, err := pathID(r)
	if err != nil {
		return nil, err
	}
	return s.Projects.ByID(r.Context(), id)
}

func (s *Server) awsSettings(r *http.Request) (*grant.Settings, error) {
	p, err := s.aws(r)
	if err != nil {
		return nil, err
	}
	return s.AWS.Settings(r.Context(), p, r.FormValue("pipeline"))
}

// awsExamine examines what the body says, whatever pipeline there is or will be, with the project's own folder and external ID: those
// of others are not to be tried.
func (s *Server) awsExamine(r *http.Request) (*doctor.Report, error) {
	p, err := s.aws(r)
	if err != nil {
		return nil, err
	}
	in, err := readJSON[Examination](r)
	if err != nil {
		return nil, err
	}
	in.Settings.Project, in.Settings.ExternalID = p.ID, p.Token
	if err := in.Settings.Check(); err != nil {
		return nil, err
	}
	return s.AWS.Examine(r.Context(), &in.Settings, in.Deep), nil
}

func awsPath(project int64) string {
	return "/api/refract/projects/" + strconv.FormatInt(project, 10) + "/aws"
}

// AWSSettings returns what the project's pipeline says of AWS, or with an empty name what the project says alone.
func (c *Client) AWSSettings(ctx context.Context, project int64, pipeline string) (s grant.Settings, err error) {
	err = c.Do(ctx, http.MethodGet, awsPath(project)+"?pipeline="+url.QueryEscape(pipeline), nil, &s)
	return s, err
}

// ExamineAWS checks settings against the account. It takes a minute or more if a warehouse has to wake up.
func (c *Client) ExamineAWS(ctx context.Context, project int64, in Examination) (r doctor.Report, err error) {
	err = c.Do(ctx, http.MethodPost, awsPath(project)+"/doctor", in, &r)
	return r, err
}
