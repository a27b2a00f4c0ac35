package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/refract-io/refract/internal/control"
)

func newProject(o *options) *cobra.Command {
	c := &cobra.Command{Use: "project", Short: "Create and list projects"}
	c.AddCommand(newProjectCreate(o), newProjectList(o))
	return c
}

func newProjectCreate(o *options) *cobra.Command {
	var in control.NewProject
	c := &cobra.Command{
		Use:   "create NAME",
		Short: "Create a project and print its token and secret",
		Long:  "Create a project. Clients send events with its token; its API secret is shown this once and kept only as a hash.",
		Example: `  refract project create shop
  refract project create shop --time-zone Europe/Berlin --group-key company --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := o.connect()
			if err != nil {
				return err
			}
			in.Name = args[0]
			p, err := client.CreateProject(cmd.Context(), in)
			if err != nil {
				return err
			}
			return o.show(cmd.OutOrStdout(), p, func(w io.Writer) {
				fmt.Fprintf(w, "project  %s (%d)\ntoken    %s\nsecret   %s\n\nThe secret is not shown again.\n", p.Name, p.ID, p.Token, p.Secret)
			})
		},
	}
	f := c.Flags()
	f.Int64Var(&in.ID, "id", 0, "project id (default: random)")
	f.StringVar(&in.Token, "token", "", "project token (default: random)")
	f.StringVar(&in.TimeZone, "time-zone", "UTC", "the project's time zone, an IANA name")
	f.StringVar(&in.Identity, "identity", "simplified", "identity mode: simplified or original")
	f.StringSliceVar(&in.GroupKeys, "group-key", nil, "a group key; may be repeated")
	return c
}

func newProjectList(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the projects", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := o.connect()
			if err != nil {
				return err
			}
			all, err := client.Projects(cmd.Context())
			if err != nil {
				return err
			}
			return o.show(cmd.OutOrStdout(), all, func(w io.Writer) {
				table(w, "ID\tNAME\tTOKEN\tTIME ZONE\tIDENTITY\tGROUP KEYS", func(row func(...any)) {
					for _, p := range all {
						row(p.ID, p.Name, p.Token, p.TimeZone, p.Identity, strings.Join(p.GroupKeys, ","))
					}
				})
			})
		},
	}
}

// findProject returns the project with the name or id. The name may be empty if there is only one project.
func findProject(ctx context.Context, client *control.Client, name string) (control.Project, error) {
	all, err := client.Projects(ctx)
	if err != nil {
		return control.Project{}, err
	}
	if name == "" && len(all) == 1 {
		return all[0], nil
	}
	var found []control.Project
	for _, p := range all {
		if p.Name == name || strconv.FormatInt(p.ID, 10) == name {
			found = append(found, p)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case name == "":
		return control.Project{}, usagef("there are %d projects: choose one with --project", len(all))
	case len(found) > 1:
		var ids []string
		for _, p := range found {
			ids = append(ids, strconv.FormatInt(p.ID, 10))
		}
		return control.Project{}, usagef("%d projects are called %q: give the id, %s", len(found), name, strings.Join(ids, " or "))
	default:
		return control.Project{}, usagef("there is no project %q: see `refract project list`", name)
	}
}

// project connects to the service and finds the project with the name or id.
func (o *options) project(ctx context.Context, name string) (*control.Client, control.Project, error) {
	client, err := o.connect()
	if err != nil {
		return nil, control.Project{}, err
	}
	p, err := findProject(ctx, &client.Client, name)
	return &client.Client, p, err
}

func newServiceAccount(o *options) *cobra.Command {
	c := &cobra.Command{Use: "service-account", Short: "Create service accounts"}
	var in control.Account
	var projectName string
	var days int
	create := &cobra.Command{
		Use: "create USERNAME", Short: "Create a service account and print its secret", Args: cobra.ExactArgs(1),
		Example: "  refract service-account create importer --project shop --role admin --expires-in-days 90",
		RunE: func(cmd *cobra.Command, args []string) error {
			client, p, err := o.project(cmd.Context(), projectName)
			if err != nil {
				return err
			}
			in.Username, in.ProjectID = args[0], p.ID
			if days > 0 {
				at := time.Now().UTC().AddDate(0, 0, days)
				in.Expires = &at
			}
			a, err := client.CreateAccount(cmd.Context(), in)
			if err != nil {
				return err
			}
			return o.show(cmd.OutOrStdout(), a, func(w io.Writer) {
				fmt.Fprintf(w, "username  %s\nsecret    %s\nproject   %d\n\nThe secret is not shown again.\n", a.Username, a.Secret, a.ProjectID)
			})
		},
	}
	f := create.Flags()
	f.StringVar(&projectName, "project", "", "the project's name or id")
	f.StringVar(&in.Role, "role", "admin", "owner, admin, analyst or consumer")
	f.IntVar(&days, "expires-in-days", 0, "days until the account expires (default: never)")
	c.AddCommand(create)
	return c
}
