package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/refract-io/refract/internal/aws/grant"
)

func newAWS(o *options) *cobra.Command {
	c := &cobra.Command{
		Use: "aws", Short: "What pipelines need in an AWS account, and whether it is there",
		Long: `Print the IAM documents that let a pipeline write into an AWS account, as JSON, Terraform or CloudFormation, and check a
pipeline's settings against the live account.

The settings are those of the pipeline NAME. Flags change them; without a NAME flags alone plan a pipeline that is yet to be
created. With --external-id nothing is asked of the service. Pipelines of a project may have roles in common: the documents of
several NAMEs give such a role the rights of all of them.`,
		Example: `  refract aws policies events-daily --project shop
  refract aws terraform --project shop --exporter arn:aws:iam::111111111111:user/exporter --account 123456789012 \
    --s3-bucket lake --s3-region eu-central-1 --glue-database mixpanel > refract.tf
  refract aws policies events-daily people-daily --project shop
  refract aws doctor events-daily --project shop`,
	}
	c.AddCommand(newAWSPolicies(o), newAWSTerraform(o), newAWSCloudFormation(o), newAWSDoctor(o))
	return c
}

// documentFlags are those of the commands that print documents.
func documentFlags(c *cobra.Command) (form func() grant.Form) {
	documented := c.Flags().Bool("as-documented", false, "print the documents of Mixpanel's guides instead of narrowed ones")
	return func() grant.Form {
		if *documented {
			return grant.Documented
		}
		return grant.Narrowed
	}
}

// awsDocuments is what `aws policies` prints as JSON.
type awsDocuments struct {
	// Exporter is the policy that the exporter's own identity needs.
	Exporter grant.Policy `json:"exporter"`
	Roles    []grant.Role `json:"roles"`
}

func newAWSPolicies(o *options) *cobra.Command {
	c := &cobra.Command{
		Use: "policies [NAME...]", Short: "Print the policies and trust policies of the roles of pipelines", Args: cobra.ArbitraryArgs,
		Long: `Print the policy and trust documents of a pipeline's roles, for S3, KMS, Glue and Redshift, each under the role that it belongs to.

They allow what the exporter does and nothing else: the pipeline's folder of the bucket, its key, its tables, its workgroup.
With --as-documented they are what Mixpanel's guides print, which allows more.`,
		Example: `  refract aws policies events-daily --project shop
  refract aws policies --as-documented --external-id TOKEN --account 123456789012 --s3-bucket lake --s3-region eu-central-1`,
	}
	form, settings := documentFlags(c), settingsFlags(c, o)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		plan, err := planned(cmd, args, settings)
		if err != nil {
			return err
		}
		out := awsDocuments{plan.Assuming(form()), plan.Roles(form())}
		return o.show(cmd.OutOrStdout(), out, func(w io.Writer) { printDocuments(w, plan, &out) })
	}
	return c
}

// planned reads the settings of documents, which name accounts.
func planned(cmd *cobra.Command, args []string, settings readSettings) (grant.Plan, error) {
	_, plan, err := settings(cmd, args)
	if err == nil {
		err = plan.CheckAccounts()
	}
	if err == nil {
		warnOfOthers(cmd.ErrOrStderr(), plan)
	}
	return plan, err
}

func printDocuments(w io.Writer, plan grant.Plan, d *awsDocuments) {
	who := plan[0].Exporter
	if who == "" {
		who = "<EXPORTER_ARN>, the user or role whose credentials the exporting process has (--exporter)"
	}
	fmt.Fprintf(w, "EXPORTER %s\n\npolicy %s:\n%s", who, d.Exporter.Name, d.Exporter.Text)
	for i := range d.Roles {
		r := &d.Roles[i]
		name := r.ARN
		if name == "" {
			name = r.Name + " (to be created; give its ARN to the pipeline)"
		}
		uses := make([]string, len(r.Uses))
		for k, use := range r.Uses {
			uses[k] = string(use)
		}
		fmt.Fprintf(w, "\nROLE %s, for %s\n\ntrust policy:\n%s", name, strings.Join(uses, ", "), r.Trust.Text)
		for _, p := range r.Policies {
			fmt.Fprintf(w, "\npolicy %s:\n%s", p.Name, p.Text)
		}
	}
	if grants := plan.GrantCreates(); len(grants) > 0 {
		fmt.Fprintf(w, "\nREDSHIFT\n\nassociate the role with the namespace or cluster; after the exporter's first connection an administrator of the database runs:\n%s\n", strings.Join(grants, "\n"))
	}
}

func newAWSTerraform(o *options) *cobra.Command {
	c := &cobra.Command{
		Use: "terraform [NAME...]", Short: "Print the roles and policies of pipelines as Terraform code", Args: cobra.ArbitraryArgs,
		Long: `Print Terraform code for the roles and policies of a pipeline. Its variables create_bucket and create_database make the bucket, with a
lifecycle rule that ends forgotten multipart uploads, and the Glue database too. With --lake-formation it grants what Lake
Formation asks for.`,
		Example: "  refract aws terraform events-daily --project shop > refract.tf",
	}
	return emitter(c, o, grant.Plan.Terraform)
}

func newAWSCloudFormation(o *options) *cobra.Command {
	c := &cobra.Command{
		Use: "cloudformation [NAME...]", Short: "Print the roles and policies of pipelines as a CloudFormation template", Args: cobra.ArbitraryArgs,
		Long: `Print a CloudFormation template, in YAML, for the roles and policies of a pipeline. Its parameters CreateBucket and CreateDatabase make the
bucket and the Glue database too. Roles have names, so that a stack of it needs the capability CAPABILITY_NAMED_IAM.`,
		Example: `  refract aws cloudformation events-daily --project shop > refract.yaml
  aws cloudformation deploy --stack-name refract --template-file refract.yaml --capabilities CAPABILITY_NAMED_IAM`,
	}
	return emitter(c, o, grant.Plan.CloudFormation)
}

// emitter prints code, which --json has no other form for.
func emitter(c *cobra.Command, o *options, emit func(grant.Plan, io.Writer, grant.Form) error) *cobra.Command {
	form, settings := documentFlags(c), settingsFlags(c, o)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if o.json {
			return usagef("%s prints code; for JSON use `refract aws policies --json`", cmd.Name())
		}
		plan, err := planned(cmd, args, settings)
		if err != nil {
			return err
		}
		return emit(plan, cmd.OutOrStdout(), form())
	}
	return c
}
