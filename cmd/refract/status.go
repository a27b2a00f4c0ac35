package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

func newStatus(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Show what runs, where it listens and how far it is", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := o.connect()
			if err != nil {
				return err
			}
			s, err := client.Status(cmd.Context())
			if err != nil {
				return err
			}
			return o.show(cmd.OutOrStdout(), s, func(w io.Writer) {
				fmt.Fprintf(w, "version  %s\nroles    %s\nsince    %s\nhttp     %s\nsql      %s\nlog      position %d, sealed up to %d\n",
					s.Version, strings.Join(s.Roles, ","), s.Started.UTC().Format("2006-01-02 15:04:05"), s.HTTP, s.SQL, s.LogPosition, s.SealedPosition)
			})
		},
	}
}
