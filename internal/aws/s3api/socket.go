package s3api

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
)

// socket is an http.RoundTripper to the front, with a connection for each request.
//
// The front answers what it refuses before it has read all of the body. The answer counts then, not that the rest can't be written, which
// is what http.Transport may tell instead. And a connection that was used again could hold the rest, which the front would take for the
// next request, so that this one's client would get the answer to it.
type socket string

// RoundTrip sends a request and returns the answer, which may come while the body is still being sent. The body's sender ends with the
// body or with the connection, which the answer's body closes.
func (s socket) RoundTrip(r *http.Request) (*http.Response, error) {
	conn, err := (&net.Dialer{}).DialContext(r.Context(), "unix", string(s))
	if err != nil {
		return nil, fmt.Errorf("connecting to S3's front: %w", err)
	}
	stop := context.AfterFunc(r.Context(), func() { _ = conn.Close() }) // whoever uses it is told
	sent := make(chan error, 1)
	go func() { sent <- r.Write(conn) }()
	resp, err := http.ReadResponse(bufio.NewReader(conn), r)
	if err != nil {
		stop()
		_ = conn.Close()
		select {
		case cause := <-sent: // the body's failure explains that there is no answer
			err = errors.Join(err, cause)
		default:
		}
		return nil, fmt.Errorf("reading the answer of S3's front: %w", err)
	}
	resp.Body = &answer{resp.Body, conn, stop}
	return resp, nil
}

// answer is the body of an answer, which closes the connection.
type answer struct {
	io.ReadCloser
	conn net.Conn
	stop func() bool
}

// Close ends the connection.
func (a *answer) Close() error {
	a.stop()
	return errors.Join(a.ReadCloser.Close(), a.conn.Close())
}
