package grant_test

import (
	"cmp"
	"strings"

	"github.com/refract-io/refract/internal/aws/grant"
)

// An operation is a permission that AWS asks for when the exporter, or Redshift on its behalf, does its work.
type operation struct {
	use      grant.Use
	action   string
	resource string
	context  map[string][]string
}

// operations lists what a pipeline with these settings does. It is written from the clients' code, not from the policies:
//
//   - bucket: Put (also in parts), Get, Head (s3:GetObject), List below the pipeline's folder, Delete, giving a multipart upload up,
//     looking for those that killed processes left;
//   - S3 asks KMS in the caller's name: GenerateDataKey to write, Decrypt to read and to complete an upload of parts, with the
//     object's ARN as the encryption context, or the bucket's where the bucket has a bucket key;
//   - catalog: reading, creating and updating tables; partitions of days, batchwise; doctor reads the database and removes its tables;
//   - Data API: execute, describe, read results; doctor runs a batch; credentials by workgroup, cluster or secret;
//   - Redshift itself: reading the catalog, listing and getting objects, decrypting.
func operations(s *grant.Settings) []operation {
	folder := s.S3.Prefix
	if s.Project != 0 {
		folder = strings.TrimPrefix(folder+"/7", "/")
	}
	bucket := "arn:aws:s3:::lake"
	key := bucket + "/" + folder + "/mp_master_event/2026/11/26/p-000000000000-000000000009-0000.json.gz"
	probe := bucket + "/" + folder + "/_refract-doctor/abc"
	lists := map[string][]string{"s3:prefix": {folder + "/mp_master_event/"}}
	var all []operation
	add := func(use grant.Use, context map[string][]string, action string, resources ...string) {
		for _, resource := range resources {
			all = append(all, operation{use, action, resource, context})
		}
	}
	for _, action := range []string{"s3:PutObject", "s3:GetObject", "s3:DeleteObject", "s3:AbortMultipartUpload"} {
		add(grant.UseS3, nil, action, key, probe)
	}
	add(grant.UseS3, lists, "s3:ListBucket", bucket)
	// A manifest that may be absent: S3 asks for the right to list with the key as the prefix before it says so.
	add(grant.UseS3, map[string][]string{"s3:prefix": {strings.TrimPrefix(key, bucket+"/")}}, "s3:ListBucket", bucket)
	add(grant.UseS3, nil, "s3:ListBucketMultipartUploads", bucket)
	encryption := func(arn string) map[string][]string {
		return map[string][]string{"kms:viaservice": {"s3.eu-central-1.amazonaws.com"}, "kms:encryptioncontext:aws:s3:arn": {arn}, "kms:resourcealiases": {"alias/lake", "alias/other"}}
	}
	if s.S3.KMSKey != "" {
		for _, arn := range []string{key, probe, bucket} {
			add(grant.UseS3, encryption(arn), "kms:GenerateDataKey", keyARN)
			add(grant.UseS3, encryption(arn), "kms:Decrypt", keyARN)
		}
	}
	catalog := []string{"arn:aws:glue:eu-central-1:123456789012:catalog", "arn:aws:glue:eu-central-1:123456789012:database/mixpanel"}
	table := func(name string) []string {
		return append(catalog[:2:2], "arn:aws:glue:eu-central-1:123456789012:table/mixpanel/"+name)
	}
	if g := s.Glue; g != nil {
		for _, name := range g.Tables {
			name = strings.ReplaceAll(name, "*", "purchase_completed")
			for _, action := range []string{"glue:GetTable", "glue:CreateTable", "glue:UpdateTable"} {
				add(grant.UseGlue, nil, action, table(name)...)
			}
			if !g.Unpartitioned {
				for _, action := range []string{"glue:GetPartitions", "glue:BatchCreatePartition", "glue:BatchUpdatePartition"} {
					add(grant.UseGlue, nil, action, table(name)...)
				}
			}
		}
		if !s.WithoutDoctor {
			add(grant.UseGlue, nil, "glue:GetDatabase", catalog...)
			for _, action := range []string{"glue:GetTable", "glue:CreateTable", "glue:UpdateTable", "glue:DeleteTable"} {
				add(grant.UseGlue, nil, action, table("refract_doctor_abc")...)
			}
		}
	}
	r := s.Redshift
	if r == nil {
		return all
	}
	const redshift = "arn:aws:redshift:eu-central-1:123456789012:"
	owner := map[string][]string{"aws:userid": {"AROA1:refract"}, "redshift-data:statement-owner-iam-userid": {"AROA1:refract"}}
	for _, action := range []string{"redshift-data:DescribeStatement", "redshift-data:GetStatementResult"} {
		add(grant.UseRedshift, owner, action, "*")
	}
	workgroup := "arn:aws:redshift-serverless:eu-central-1:123456789012:workgroup/0f1e-2d3c"
	if r.Cluster != "" {
		add(grant.UseRedshift, nil, "redshift-data:ExecuteStatement", redshift+"cluster:dwh")
	} else {
		add(grant.UseRedshift, nil, "redshift-data:ExecuteStatement", workgroup, redshift+"workgroup/0f1e-2d3c")
	}
	if !s.WithoutDoctor {
		for _, o := range all {
			if o.action == "redshift-data:ExecuteStatement" {
				add(grant.UseRedshift, nil, "redshift-data:BatchExecuteStatement", o.resource)
			}
		}
	}
	switch {
	case r.SecretARN != "":
		add(grant.UseRedshift, nil, "secretsmanager:GetSecretValue", r.SecretARN)
	case r.Workgroup != "":
		add(grant.UseRedshift, nil, "redshift-serverless:GetCredentials", workgroup)
	default:
		action := "redshift:GetClusterCredentialsWithIAM"
		if r.DBUser != "" {
			action = "redshift:GetClusterCredentials"
			add(grant.UseRedshift, nil, action, redshift+"dbuser:dwh/"+r.DBUser)
		}
		add(grant.UseRedshift, nil, action, redshift+"dbname:dwh/dev")
	}
	if s.Glue != nil {
		add(grant.UseRedshift, nil, "glue:GetDatabase", catalog...)
		add(grant.UseRedshift, nil, "glue:GetDatabases", catalog...)
		for _, action := range []string{"glue:GetTable", "glue:GetTables", "glue:GetPartition", "glue:GetPartitions"} {
			add(grant.UseRedshift, nil, action, table(cmp.Or(strings.ReplaceAll(s.Glue.Tables[0], "*", "x"), "x"))...)
		}
	}
	add(grant.UseRedshift, nil, "s3:GetObject", key)
	add(grant.UseRedshift, lists, "s3:ListBucket", bucket)
	if s.S3.KMSKey != "" {
		add(grant.UseRedshift, encryption(key), "kms:Decrypt", keyARN)
		add(grant.UseRedshift, encryption(bucket), "kms:Decrypt", keyARN)
	}
	if s.LakeFormation {
		add(grant.UseRedshift, nil, "lakeformation:GetDataAccess", "arn:aws:lakeformation:eu-central-1:123456789012:catalog:123456789012")
	}
	return all
}
