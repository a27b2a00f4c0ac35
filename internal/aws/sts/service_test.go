package sts_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/aws/policy"
	"github.com/refract-io/refract/internal/aws/sts"
)

func TestAServiceAssumesTheRolesThatTrustIt(t *testing.T) {
	const redshift = `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + vendor + `:user/mixpanelexport"},"Action":"sts:AssumeRole"},
		{"Effect":"Allow","Principal":{"Service":"redshift.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	const conditioned = `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + vendor + `:user/mixpanelexport","Service":"redshift.amazonaws.com"},"Action":"sts:AssumeRole",
		 "Condition":{"StringEquals":{"sts:ExternalId":"` + token + `"}}}]}`
	a, err := sts.New([]sts.Account{{ID: customer, Roles: []sts.Role{
		{Name: "reader", Trust: redshift, Policies: []string{glueReader}},
		{Name: "path/conditioned", Trust: conditioned},
		{Name: "people", Trust: trust(customer, `{}`)},
	}}}, nil)
	require.NoError(t, err)
	role := "arn:aws:iam::" + customer + ":role/"
	for _, test := range []struct {
		name, role, service, externalID string
		assumed                         bool
	}{
		{"a role that trusts it", "reader", "redshift.amazonaws.com", "", true},
		{"another service", "reader", "glue.amazonaws.com", "", false},
		{"no such role", "nobody", "redshift.amazonaws.com", "", false},
		{"a role that trusts people only", "people", "redshift.amazonaws.com", "", false},
		{"one statement for both under the exporter's id locks the service out", "path/conditioned", "redshift.amazonaws.com", "arn:aws:redshift:r:a:dbuser:c/u", false},
		{"unless it sends that id", "path/conditioned", "redshift.amazonaws.com", token, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, ok := a.ServiceSession(role+test.role, test.service, "RedshiftIamRoleSession", test.externalID)
			require.Equal(t, test.assumed, ok)
		})
	}
	c, _ := a.ServiceSession(role+"reader", "redshift.amazonaws.com", "RedshiftIamRoleSession", "")
	ctx := sts.WithCaller(t.Context(), c)
	require.NoError(t, a.Authorize(ctx, "glue:GetTable", []string{"arn:aws:glue:r:" + customer + ":catalog"}))
	err = a.Authorize(ctx, "s3:GetObject", []string{"arn:aws:s3:::b/k"})
	require.ErrorAs(t, err, new(*policy.DeniedError))
	require.ErrorContains(t, err, "User: arn:aws:sts::"+customer+":assumed-role/reader/RedshiftIamRoleSession is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::b/k")
	named, err := sts.CallerFrom(ctx)
	require.NoError(t, err)
	require.Same(t, c, named)
	_, err = sts.CallerFrom(t.Context())
	require.Error(t, err)
}
