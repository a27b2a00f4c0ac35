// Package iam evaluates the roles of external schemas by the accounts that an AWS-compatible endpoint knows.
//
// It does what Redshift does with such a role: it assumes it as the service redshift.amazonaws.com, with the external id that names the
// warehouse's user ("Authorizing Amazon Redshift to access other AWS services on your behalf"), and uses Glue and S3 as the session
// RedshiftIamRoleSession. A role that trusts Redshift counts as associated with the warehouse.
package iam

import (
	"context"
	"strings"

	"github.com/refract-io/refract/internal/aws/sts"
	"github.com/refract-io/refract/internal/query/engine"
)

// Roles implements engine.Roles. It is safe for concurrent use.
type Roles struct {
	Authority *sts.Authority
	// Partition, Account, Region and Cluster say where the warehouse and the catalog are.
	Partition, Account, Region, Cluster string
}

var _ engine.Roles = (*Roles)(nil)

const sessionName = "RedshiftIamRoleSession"

// services are the names that trust policies have for Redshift, provisioned and serverless.
var services = []string{"redshift.amazonaws.com", "redshift-serverless.amazonaws.com"}

// assume returns a context in which the role is the caller.
func (r *Roles) assume(ctx context.Context, role string) (context.Context, error) {
	user := "arn:" + r.Partition + ":redshift:" + r.Region + ":" + r.Account + ":dbuser:" + r.Cluster + "/*"
	for _, service := range services {
		if session, ok := r.Authority.ServiceSession(role, service, sessionName, user); ok {
			return sts.WithCaller(ctx, session), nil
		}
	}
	return nil, &engine.NotAssumableError{User: user, Role: role}
}

// Glue implements engine.Roles. A table is asked for with its ancestors, as Glue itself does.
func (r *Roles) Glue(ctx context.Context, role, action, database, table string) error {
	ctx, err := r.assume(ctx, role)
	if err != nil {
		return err
	}
	prefix := "arn:" + r.Partition + ":glue:" + r.Region + ":" + r.Account + ":"
	resources := []string{prefix + "catalog", prefix + "database/" + strings.ToLower(database)}
	if table != "" {
		resources = append(resources, prefix+"table/"+strings.ToLower(database)+"/"+table)
	}
	return r.Authority.Authorize(ctx, "glue:"+action, resources)
}

// S3 implements engine.Roles.
func (r *Roles) S3(ctx context.Context, role, action, bucket, key string) error {
	ctx, err := r.assume(ctx, role)
	if err != nil {
		return err
	}
	arn := "arn:" + r.Partition + ":s3:::" + bucket
	if action == "ListBucket" {
		return r.Authority.AuthorizeWith(ctx, "s3:ListBucket", []string{arn}, map[string][]string{"s3:prefix": {key}})
	}
	return r.Authority.Authorize(ctx, "s3:"+action, []string{arn + "/" + key})
}
