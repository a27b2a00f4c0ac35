package assume

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/platform/fault"
)

// stub answers AssumeRole with sessions of an hour, or fails.
type stub struct {
	calls int
	input *sts.AssumeRoleInput
	fails error
}

func (s *stub) AssumeRole(_ context.Context, in *sts.AssumeRoleInput, _ ...func(*sts.Options)) (*sts.AssumeRoleOutput, error) {
	s.calls++
	s.input = in
	if s.fails != nil {
		return nil, s.fails
	}
	return &sts.AssumeRoleOutput{Credentials: &types.Credentials{
		AccessKeyId: aws.String("ASIA"), SecretAccessKey: aws.String("s"), SessionToken: aws.String("t"),
		Expiration: aws.Time(time.Now().Add(time.Duration(aws.ToInt32(in.DurationSeconds)) * time.Second)),
	}}, nil
}

func TestASessionIsRenewedBeforeItsEndAndUsedToItsEndWhileThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, start := &stub{}, time.Now()
		cache := newSession(api, Role{ARN: "arn:aws:iam::123456789012:role/x", ExternalID: "token", Session: "refract-1-x"})
		at := func(d time.Duration) error {
			time.Sleep(time.Until(start.Add(d)))
			_, err := cache.Retrieve(t.Context())
			return err
		}
		require.NoError(t, at(0))
		require.Equal(t, "token", aws.ToString(api.input.ExternalId))
		require.EqualValues(t, 3600, aws.ToInt32(api.input.DurationSeconds))
		require.NoError(t, at(54*time.Minute))
		require.Equal(t, 1, api.calls)

		// The window opens 5 to 2.5 minutes before the end.
		api.fails = errors.New("no route to STS")
		require.NoError(t, at(58*time.Minute))
		require.Greater(t, api.calls, 1, "renewal was tried")
		failed := api.calls
		require.NoError(t, at(58*time.Minute+time.Second))
		require.Equal(t, failed, api.calls, "and not again at once")
		require.Equal(t, fault.Transient, fault.ClassOf(at(61*time.Minute)), "a session that has ended is not used")

		api.fails = nil
		require.NoError(t, at(62*time.Minute))

		// Who is refused stops at once: the user is to hear of it.
		api.fails = &smithy.GenericAPIError{Code: "AccessDenied", Message: "User: a is not authorized to perform: sts:AssumeRole on resource: b"}
		require.Equal(t, fault.Setup, fault.ClassOf(at(62*time.Minute+58*time.Minute)))
	})
}

func TestCodesOfSTSHaveClasses(t *testing.T) {
	role := Role{ARN: "mixpanel-export", Region: "ap-east-1"}
	for code, want := range map[string]struct {
		class fault.Class
		hint  string
	}{
		"ValidationError":           {fault.Setup, "give the role's ARN"},
		"RegionDisabledException":   {fault.Setup, "activate STS for region ap-east-1"},
		"InvalidClientTokenId":      {fault.Setup, "check the AWS credentials"},
		"ExpiredToken":              {fault.Setup, "renew the AWS credentials of this process"},
		"Throttling":                {fault.Transient, ""},
		"InternalFailure":           {fault.Transient, ""},
		"SomethingNobodyHasHeardOf": {fault.Transient, ""},
	} {
		err := roleFault(role, &smithy.GenericAPIError{Code: code, Message: "m"})
		explained, ok := errors.AsType[*fault.Error](err)
		require.True(t, ok)
		require.Equal(t, want.class, explained.Class, code)
		require.Contains(t, explained.Hint, want.hint, code)
	}
	err := roleFault(role, &smithy.GenericAPIError{Code: "SignatureDoesNotMatch", Message: "Credential should be scoped to a valid region, not 'ap-east-1'."})
	explained, _ := errors.AsType[*fault.Error](err)
	require.Contains(t, explained.Hint, "the service's own region")
	require.ErrorIs(t, roleFault(role, context.Canceled), context.Canceled)
}
