package main

import (
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/refract-io/refract/internal/control"
)

func newQuarantine(o *options) *cobra.Command {
	c := &cobra.Command{
		Use: "quarantine", Short: "Look at records that could not be taken, and take them again",
		Long: "A record that cannot be taken is kept with the reason and its raw bytes. After the reason is gone (a fixed rule, a clock, a group key), replay it.",
	}
	c.AddCommand(newQuarantineList(o), newQuarantineShow(o), newQuarantineReplay(o), newQuarantineUnattributed(o))
	return c
}

// selectionFlags declares the flags that choose entries; the function they return resolves them.
func selectionFlags(o *options, c *cobra.Command) func(cmd *cobra.Command) (*control.Client, control.Selection, error) {
	var s control.Selection
	var projectName string
	c.Flags().StringVar(&projectName, "project", "", "only this project (name or id)")
	c.Flags().StringVar(&s.Endpoint, "endpoint", "", "only records sent to this endpoint: track, import, engage or groups")
	c.Flags().StringVar(&s.Field, "field", "", "only records refused for this field, such as properties.time")
	return func(cmd *cobra.Command) (*control.Client, control.Selection, error) {
		client, err := o.connect()
		if err != nil {
			return nil, s, err
		}
		if projectName != "" {
			p, err := findProject(cmd.Context(), &client.Client, projectName)
			if err != nil {
				return nil, s, err
			}
			s.Project = p.ID
		}
		return &client.Client, s, nil
	}
}

func newQuarantineList(o *options) *cobra.Command {
	var limit int
	c := &cobra.Command{
		Use: "list", Short: "List entries, oldest first", Args: cobra.NoArgs,
		Example: "  refract quarantine list --field properties.time --limit 20",
	}
	resolve := selectionFlags(o, c)
	c.Flags().IntVar(&limit, "limit", 100, "how many entries at most")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		client, s, err := resolve(cmd)
		if err != nil {
			return err
		}
		page, err := client.Quarantine(cmd.Context(), s, 0, limit)
		if err != nil {
			return err
		}
		return o.show(cmd.OutOrStdout(), page.Entries, func(w io.Writer) {
			table(w, "ID\tTIME\tPROJECT\tENDPOINT\tBYTES\tREASON", func(row func(...any)) {
				for _, e := range page.Entries {
					row(e.ID, e.Time.UTC().Format("2006-01-02 15:04:05"), e.Project, e.Endpoint, e.Bytes, e.Message)
				}
			})
			if page.Next != 0 {
				fmt.Fprintln(w, "There are more: raise --limit.")
			}
		})
	}
	return c
}

func newQuarantineShow(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Show one entry with its raw bytes", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := strconv.ParseInt(args[0], 10, 64)
			if err != nil {
				return usagef("%q is no entry's id: see `refract quarantine list`", args[0])
			}
			client, err := o.connect()
			if err != nil {
				return err
			}
			e, err := client.QuarantineEntry(cmd.Context(), id)
			if err != nil {
				return err
			}
			return o.show(cmd.OutOrStdout(), e, func(w io.Writer) {
				fmt.Fprintf(w, "id        %d\ntime      %s\nproject   %d\nendpoint  %s\nposition  %s\nfield     %s\nreason    %s\n\n%s\n",
					e.ID, e.Time.UTC().Format("2006-01-02 15:04:05.000"), e.Project, e.Endpoint, e.Position, e.Field, e.Message, e.Raw)
			})
		},
	}
}

func newQuarantineUnattributed(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "unattributed", Short: "Show the last records that belong to no project", Args: cobra.NoArgs,
		Long: `A record whose token names no project is answered as if it were taken, as Mixpanel does, and is not kept. The last few are held in
memory: a client with a wrong token is found here. Their number is in the metrics.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := o.connect()
			if err != nil {
				return err
			}
			all, err := client.Unattributed(cmd.Context())
			if err != nil {
				return err
			}
			return o.show(cmd.OutOrStdout(), all, func(w io.Writer) {
				table(w, "TIME\tENDPOINT\tTOKEN\tRECORD", func(row func(...any)) {
					for _, s := range all {
						row(s.Time.UTC().Format("2006-01-02 15:04:05"), s.Endpoint, s.Token, fmt.Sprintf("%.80s", s.Raw))
					}
				})
			})
		},
	}
}

func newQuarantineReplay(o *options) *cobra.Command {
	c := &cobra.Command{
		Use: "replay [ID...]", Short: "Judge entries again and take those that have become good",
		Example: "  refract quarantine replay 17 18\n  refract quarantine replay --project shop --limits none",
	}
	limits := c.Flags().String("limits", "mixpanel", "what becomes of long, deep and many properties: mixpanel refuses them again, none keeps them whole")
	resolve := selectionFlags(o, c)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if *limits != "mixpanel" && *limits != "none" {
			return usagef("limits %q: use mixpanel or none", *limits)
		}
		client, s, err := resolve(cmd)
		if err != nil {
			return err
		}
		for _, a := range args {
			id, err := strconv.ParseInt(a, 10, 64)
			if err != nil {
				return usagef("%q is no entry's id: see `refract quarantine list`", a)
			}
			s.IDs = append(s.IDs, id)
		}
		out, err := client.Replay(cmd.Context(), control.ReplayRequest{Selection: s, Whole: *limits == "none"})
		if err != nil {
			return err
		}
		if err := o.show(cmd.OutOrStdout(), out, func(w io.Writer) {
			fmt.Fprintf(w, "%d taken, %d still refused\n", out.Replayed, out.Rejected)
		}); err != nil {
			return err
		}
		if out.Rejected > 0 {
			return errNo
		}
		return nil
	}
	return c
}
