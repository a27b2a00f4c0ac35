package dataapi_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/redshift"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/aws/sts"
)

func TestTheClusterIsDescribed(t *testing.T) {
	h := newHouse(t)
	api := redshift.NewFromConfig(h.config("AKIAann", "secret", ""))
	for _, name := range []*string{nil, aws.String("default")} {
		got, err := api.DescribeClusters(t.Context(), &redshift.DescribeClustersInput{ClusterIdentifier: name})
		require.NoError(t, err)
		require.Len(t, got.Clusters, 1)
		c := got.Clusters[0]
		require.Equal(t, []string{"default", "available", "dev", "127.0.0.1"}, []string{*c.ClusterIdentifier, *c.ClusterStatus, *c.DBName, *c.Endpoint.Address})
		require.EqualValues(t, 5439, *c.Endpoint.Port)
	}
	_, err := api.DescribeClusters(t.Context(), &redshift.DescribeClustersInput{ClusterIdentifier: aws.String("other")})
	requireCode(t, err, "ClusterNotFound", "other")
	_, err = api.DescribeTags(t.Context(), nil)
	requireCode(t, err, "InvalidAction", "DescribeTags")
	_, err = redshift.NewFromConfig(h.assumed("service/exporter", "s1")).DescribeClusters(t.Context(), nil)
	requireCode(t, err, "AccessDenied", "redshift:DescribeClusters")
}

func TestClusterCredentialsStandForADatabaseUser(t *testing.T) {
	creates := sts.Role{Name: "nocreate", Trust: trusted, Policies: []string{`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"redshift:Get*","Resource":[
		"arn:aws:redshift:eu-central-1:123456789012:dbuser:default/admin","arn:aws:redshift:eu-central-1:123456789012:dbname:default/dev"]}]}`}}
	h := newHouse(t, creates)
	cluster := aws.String("default")
	ann := redshift.NewFromConfig(h.config("AKIAann", "secret", ""))
	got, err := ann.GetClusterCredentials(t.Context(), &redshift.GetClusterCredentialsInput{ClusterIdentifier: cluster, DbUser: aws.String("admin"), DbName: aws.String("dev")})
	require.NoError(t, err)
	require.Equal(t, "IAM:admin", *got.DbUser)
	require.Equal(t, "admin/"+*got.DbPassword, h.warehouse.logins["IAM:admin"])
	require.WithinDuration(t, time.Now().Add(15*time.Minute), *got.Expiration, time.Minute)

	made, err := ann.GetClusterCredentials(t.Context(), &redshift.GetClusterCredentialsInput{ClusterIdentifier: cluster, DbUser: aws.String("new"), AutoCreate: aws.Bool(true)})
	require.NoError(t, err)
	require.Equal(t, "IAMA:new", *made.DbUser)
	require.Contains(t, h.warehouse.users, "new")

	own, err := redshift.NewFromConfig(h.assumed("service/exporter", "s1")).GetClusterCredentialsWithIAM(t.Context(), &redshift.GetClusterCredentialsWithIAMInput{ClusterIdentifier: cluster, DbName: aws.String("dev")})
	require.NoError(t, err)
	require.Equal(t, "IAMR:exporter", *own.DbUser)
	require.Contains(t, h.warehouse.users, "IAMR:exporter")
	require.NotNil(t, own.NextRefreshTime)

	less := redshift.NewFromConfig(h.assumed("nocreate", "s1"))
	_, err = less.GetClusterCredentials(t.Context(), &redshift.GetClusterCredentialsInput{ClusterIdentifier: cluster, DbUser: aws.String("admin"), DbName: aws.String("dev")})
	require.NoError(t, err)
	_, err = less.GetClusterCredentials(t.Context(), &redshift.GetClusterCredentialsInput{ClusterIdentifier: cluster, DbUser: aws.String("admin"), AutoCreate: aws.Bool(true)})
	requireCode(t, err, "AccessDenied", "redshift:CreateClusterUser")
	_, err = less.GetClusterCredentials(t.Context(), &redshift.GetClusterCredentialsInput{ClusterIdentifier: cluster, DbUser: aws.String("other")})
	requireCode(t, err, "AccessDenied", "dbuser:default/other")
	for _, in := range []*redshift.GetClusterCredentialsInput{
		{ClusterIdentifier: cluster, DbUser: aws.String("admin"), DurationSeconds: aws.Int32(10)},
		{ClusterIdentifier: cluster, DbUser: aws.String("admin"), DbGroups: []string{"g"}},
	} {
		_, err = ann.GetClusterCredentials(t.Context(), in)
		requireCode(t, err, "InvalidParameterValue", "")
	}
	_, err = ann.GetClusterCredentialsWithIAM(t.Context(), &redshift.GetClusterCredentialsWithIAMInput{ClusterIdentifier: aws.String("other")})
	requireCode(t, err, "ClusterNotFound", "other")
}
