package sts

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/aws/sigv4"
)

// A client that assumes a role for every request must not fill the memory with the sessions of half a day.
func TestSessionsAreBounded(t *testing.T) {
	at := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	arn := "arn:aws:iam::123456789012:user/ann"
	a, err := New([]Account{{
		ID: "123456789012", Users: []User{{Name: "ann"}},
		Roles: []Role{{Name: "r", Trust: `{"Statement":{"Effect":"Allow","Principal":{"AWS":"` + arn + `"},"Action":"sts:AssumeRole"}}`}},
	}}, func() time.Time { return at })
	require.NoError(t, err)
	for i := range maxSessions {
		a.sessions["ASIA"+strconv.Itoa(i)] = &session{key: sigv4.Key{Expires: at.Add(time.Duration(i%2)*time.Hour + time.Minute)}}
	}
	a.swept = at
	in := &assumption{roleARN: "arn:aws:iam::123456789012:role/r", sessionName: "s1", duration: time.Hour}
	ann := &Caller{ARN: arn, UserID: "AIDA", Account: "123456789012", userName: "ann"}
	_, err = a.assumeRole(ann, in)
	require.Equal(t, &Error{"Throttling", "Rate exceeded", 400}, err)
	require.Len(t, a.sessions, maxSessions)
	at = at.Add(2 * time.Minute)
	_, err = a.assumeRole(ann, in)
	require.NoError(t, err, "those that have ended make room")
	require.Len(t, a.sessions, maxSessions/2+1)
}
