package control

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/refract-io/refract/internal/platform/fault"
	"github.com/refract-io/refract/internal/verify"
)

// Client calls the API of a running process.
type Client struct {
	// URL is the process's HTTP address, Token its admin token.
	URL, Token string
	// Patience is how long calls that change nothing are tried again while the process does not answer; zero is once.
	Patience time.Duration
}

// retryEvery is the pause between tries of a patient client.
const retryEvery = 200 * time.Millisecond

// Do sends body as a form if it is url.Values, else as JSON, nothing if nil, and decodes the answer into out (ignored if nil). An answer that is no success is a *Failure.
func (c *Client) Do(ctx context.Context, method, path string, body, out any) error {
	until := time.Now().Add(c.Patience)
	for {
		err := c.try(ctx, method, path, body, out)
		if method != http.MethodGet || fault.ClassOf(err) != fault.Transient || !time.Now().Before(until) {
			return err
		}
		select {
		case <-time.After(retryEvery):
		case <-ctx.Done():
			return err
		}
	}
}

func (c *Client) try(ctx context.Context, method, path string, body, out any) error {
	payload, kind, err := encode(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.URL, "/")+path, payload)
	if err != nil {
		return fault.New(fault.Setup, "calling", c.URL, err, "give the server's address, such as http://127.0.0.1:8080")
	}
	req.Header.Set("Authorization", "Bearer "+c.Token)
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	resp, err := http.DefaultClient.Do(req)
	if _, untrusted := errors.AsType[*tls.CertificateVerificationError](err); untrusted {
		return fault.New(fault.Setup, "calling", c.URL, errors.Unwrap(err), "add the certificate's authority to the system's, or name its file in SSL_CERT_FILE")
	}
	if err != nil {
		return fault.New(fault.Transient, "calling", c.URL, errors.Unwrap(err), "is `refract up` running?")
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		var f Failure
		if err := json.NewDecoder(resp.Body).Decode(&f); err != nil || f.Message == "" {
			f.Message = fmt.Sprintf("%s %s answered %s", method, path, resp.Status)
		}
		return &f
	}
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return fmt.Errorf("reading the answer of %s: %w", path, err)
	}
	return nil
}

// encode writes a request's body and returns its type.
func encode(body any) (io.Reader, string, error) {
	switch body := body.(type) {
	case nil:
		return nil, "", nil
	case url.Values:
		return strings.NewReader(body.Encode()), "application/x-www-form-urlencoded", nil
	}
	text, err := json.Marshal(body)
	if err != nil {
		return nil, "", fmt.Errorf("encoding the request: %w", err)
	}
	return bytes.NewReader(text), "application/json", nil
}

// Status returns what the process tells of itself.
func (c *Client) Status(ctx context.Context) (s Status, err error) {
	err = c.Do(ctx, http.MethodGet, "/api/refract/status", nil, &s)
	return s, err
}

// Projects returns all projects, oldest first.
func (c *Client) Projects(ctx context.Context) (all []Project, err error) {
	err = c.Do(ctx, http.MethodGet, "/api/refract/projects", nil, &all)
	return all, err
}

// CreateProject makes a project.
func (c *Client) CreateProject(ctx context.Context, in NewProject) (p Project, err error) {
	err = c.Do(ctx, http.MethodPost, "/api/refract/projects", in, &p)
	return p, err
}

// CreateAccount makes a service account for in.ProjectID.
func (c *Client) CreateAccount(ctx context.Context, in Account) (a Account, err error) {
	err = c.Do(ctx, http.MethodPost, "/api/refract/projects/"+strconv.FormatInt(in.ProjectID, 10)+"/service-accounts", in, &a)
	return a, err
}

// Quarantine returns a page of the selected entries, beginning after the cursor.
func (c *Client) Quarantine(ctx context.Context, s Selection, cursor int64, limit int) (page QuarantinePage, err error) {
	q := url.Values{"cursor": {strconv.FormatInt(cursor, 10)}, "limit": {strconv.Itoa(limit)}}
	if s.Project != 0 {
		q.Set("project", strconv.FormatInt(s.Project, 10))
	}
	if s.Endpoint != "" {
		q.Set("endpoint", s.Endpoint)
	}
	if s.Field != "" {
		q.Set("field", s.Field)
	}
	err = c.Do(ctx, http.MethodGet, "/api/refract/quarantine?"+q.Encode(), nil, &page)
	return page, err
}

// QuarantineEntry returns one entry with its raw bytes.
func (c *Client) QuarantineEntry(ctx context.Context, id int64) (e Entry, err error) {
	err = c.Do(ctx, http.MethodGet, "/api/refract/quarantine/"+strconv.FormatInt(id, 10), nil, &e)
	return e, err
}

// Unattributed returns the last records that belong to no project, the newest first.
func (c *Client) Unattributed(ctx context.Context) (all []Sample, err error) {
	err = c.Do(ctx, http.MethodGet, "/api/refract/unattributed", nil, &all)
	return all, err
}

// Replay judges the selected entries again.
func (c *Client) Replay(ctx context.Context, in ReplayRequest) (out ReplayOutcome, err error) {
	err = c.Do(ctx, http.MethodPost, "/api/refract/quarantine/replay", in, &out)
	return out, err
}

// Verify reconciles a project.
func (c *Client) Verify(ctx context.Context, project int64) (*verify.Report, error) {
	var r verify.Report
	err := c.Do(ctx, http.MethodPost, "/api/refract/verify", VerifyRequest{Project: project}, &r)
	return &r, err
}
