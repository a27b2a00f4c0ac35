package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/refract-io/refract/internal/aws/grant"
	"github.com/refract-io/refract/internal/control"
)

// readSettings returns the settings that a command is about, those of each name or of the flags alone, and the client of the service if that
// was asked.
type readSettings func(cmd *cobra.Command, names []string) (*control.Client, grant.Plan, error)

// settingsFlags gives a command the flags of the settings. Those that are given change what the pipeline says.
func settingsFlags(c *cobra.Command, o *options) readSettings {
	var given grant.Settings
	var glue grant.Glue
	var redshift grant.Redshift
	p := &pipelines{options: o}
	f := c.Flags()
	f.StringVar(&p.project, "project", "", "the project's name or id (default: the only project)")
	complete(c, "project", p.completeProjects)
	c.ValidArgsFunction = p.completeNames
	set := map[string]func(*grant.Settings){}
	text := func(name, usage string, from *string, to func(*grant.Settings) *string) {
		f.StringVar(from, name, "", usage)
		set[name] = func(s *grant.Settings) { *to(s) = *from }
	}
	flag := func(name, usage string, from *bool, to func(*grant.Settings) *bool) {
		f.BoolVar(from, name, false, usage)
		set[name] = func(s *grant.Settings) { *to(s) = *from }
	}
	glueOf := func(s *grant.Settings) *grant.Glue {
		if s.Glue == nil {
			s.Glue = &grant.Glue{Region: s.S3.Region, Tables: []string{"mp_master_event"}}
		}
		return s.Glue
	}
	redshiftOf := func(s *grant.Settings) *grant.Redshift {
		if s.Redshift == nil {
			s.Redshift = &grant.Redshift{Region: s.S3.Region, Schema: "mp_json_export"}
		}
		return s.Redshift
	}
	f.Int64Var(&given.Project, "project-id", 0, "the project's number, if the service is not asked")
	set["project-id"] = func(s *grant.Settings) { s.Project = given.Project }
	text("external-id", "the external ID, if the service is not asked: the project's token", &given.ExternalID, func(s *grant.Settings) *string { return &s.ExternalID })
	text("exporter", "the ARN of the user or role whose credentials the exporting process has", &given.Exporter, func(s *grant.Settings) *string { return &s.Exporter })
	text("account", "the account of what no ARN names one for, 12 digits", &given.Account, func(s *grant.Settings) *string { return &s.Account })
	text("s3-bucket", "the bucket", &given.S3.Bucket, func(s *grant.Settings) *string { return &s.S3.Bucket })
	text("s3-prefix", "the prefix", &given.S3.Prefix, func(s *grant.Settings) *string { return &s.S3.Prefix })
	text("s3-region", "the bucket's region", &given.S3.Region, func(s *grant.Settings) *string { return &s.S3.Region })
	text("s3-role", "the ARN of the role for S3", &given.S3.Role, func(s *grant.Settings) *string { return &s.S3.Role })
	text("s3-encryption", "none, aes or kms", &given.S3.Encryption, func(s *grant.Settings) *string { return &s.S3.Encryption })
	text("s3-kms-key-id", "the ARN, id or alias of the key for kms (default: the account's key aws/s3)", &given.S3.KMSKey, func(s *grant.Settings) *string { return &s.S3.KMSKey })
	text("s3-endpoint", "the address of another server than AWS, for doctor", &given.S3.Endpoint, func(s *grant.Settings) *string { return &s.S3.Endpoint })
	text("glue-database", "the Glue database", &glue.Database, func(s *grant.Settings) *string { return &glueOf(s).Database })
	text("glue-region", "Glue's region (default: the bucket's)", &glue.Region, func(s *grant.Settings) *string { return &glueOf(s).Region })
	text("glue-role", "the ARN of the role for Glue", &glue.Role, func(s *grant.Settings) *string { return &glueOf(s).Role })
	text("glue-catalog-id", "the account of the catalog", &glue.CatalogID, func(s *grant.Settings) *string { return &glueOf(s).CatalogID })
	f.StringSliceVar(&glue.Tables, "glue-table", nil, "a table, or with * at its end a group of tables (default: mp_master_event)")
	set["glue-table"] = func(s *grant.Settings) { glueOf(s).Tables = glue.Tables }
	flag("unpartitioned", "leave out the partition actions", &glue.Unpartitioned, func(s *grant.Settings) *bool { return &glueOf(s).Unpartitioned })
	text("redshift-workgroup", "the workgroup's ARN, or its name, which narrows less", &redshift.Workgroup, func(s *grant.Settings) *string { return &redshiftOf(s).Workgroup })
	text("redshift-cluster", "the cluster, in the place of a workgroup", &redshift.Cluster, func(s *grant.Settings) *string { return &redshiftOf(s).Cluster })
	text("redshift-db-user", "the cluster's database user", &redshift.DBUser, func(s *grant.Settings) *string { return &redshiftOf(s).DBUser })
	text("redshift-secret-arn", "the ARN of a secret with credentials", &redshift.SecretARN, func(s *grant.Settings) *string { return &redshiftOf(s).SecretARN })
	text("redshift-database", "the warehouse's database", &redshift.Database, func(s *grant.Settings) *string { return &redshiftOf(s).Database })
	text("redshift-region", "the warehouse's region (default: the bucket's)", &redshift.Region, func(s *grant.Settings) *string { return &redshiftOf(s).Region })
	text("redshift-role", "the ARN of the role for Redshift", &redshift.Role, func(s *grant.Settings) *string { return &redshiftOf(s).Role })
	text("redshift-schema", "the external schema (default: mp_json_export)", &redshift.Schema, func(s *grant.Settings) *string { return &redshiftOf(s).Schema })
	flag("schematized", "the pipeline is of type aws, which has Glue documents of its own in the guides", &given.Schematized, func(s *grant.Settings) *bool { return &s.Schematized })
	flag("lake-formation", "Lake Formation governs the catalog", &given.LakeFormation, func(s *grant.Settings) *bool { return &s.LakeFormation })
	flag("without-doctor", "leave out what only aws doctor needs", &given.WithoutDoctor, func(s *grant.Settings) *bool { return &s.WithoutDoctor })

	return func(cmd *cobra.Command, names []string) (client *control.Client, plan grant.Plan, err error) {
		var of control.Project
		if len(names) > 0 || !f.Changed("external-id") {
			if client, of, err = o.project(cmd.Context(), p.project); err != nil {
				return nil, nil, err
			}
		}
		if len(names) == 0 {
			names = []string{""}
		}
		for _, name := range names {
			s := &grant.Settings{}
			if client != nil {
				if *s, err = client.AWSSettings(cmd.Context(), of.ID, name); err != nil {
					return nil, nil, err
				}
			}
			if f.Changed("s3-region") {
				set["s3-region"](s) // first, since others take it over
			}
			for name, apply := range set {
				if f.Changed(name) {
					apply(s)
				}
			}
			if err := s.Check(); err != nil {
				return nil, nil, err
			}
			plan = append(plan, s)
		}
		return client, plan, nil
	}
}

// warnOfOthers tells of pipelines that have roles of the plan and are not in it: documents that replace the roles' would take their rights.
func warnOfOthers(w io.Writer, plan grant.Plan) {
	var others []string
	for _, s := range plan {
		for _, name := range s.SharedWith {
			if !slices.Contains(others, name) && !slices.ContainsFunc(plan, func(s *grant.Settings) bool { return s.Pipeline == name }) {
				others = append(others, name)
			}
		}
	}
	if len(others) > 0 {
		fmt.Fprintf(w, "warning: pipelines that are not named have the same roles, and would lose their rights to these documents: %s\n"+
			"Name all of them; create a pipeline that is yet to be created with these roles first, or plan other roles for it with --s3-role and the like.\n", strings.Join(others, " "))
	}
}
