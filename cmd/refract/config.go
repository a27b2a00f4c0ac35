package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/refract-io/refract/internal/platform/config"
)

func newConfig(o *options) *cobra.Command {
	c := &cobra.Command{Use: "config", Short: "Show settings and where they come from, and document them"}
	var file string
	show := &cobra.Command{
		Use: "show", Short: "Show every setting's value and where it comes from; fails where `up` would", Args: cobra.NoArgs,
		Example: "  refract config show --config refract.yaml",
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, settings, err := config.Load(config.Sources{File: file, Environ: os.Environ(), Flags: cmd.Flags()})
			if err != nil {
				return err
			}
			type shown struct {
				Path  string `json:"path"`
				Value string `json:"value"`
				From  string `json:"from"`
			}
			all := make([]shown, len(settings))
			for i, s := range settings {
				all[i] = shown{s.Path, s.Value, first(s.From, "default")}
			}
			return o.show(cmd.OutOrStdout(), all, func(w io.Writer) {
				table(w, "SETTING\tVALUE\tFROM", func(row func(...any)) {
					for _, s := range all {
						row(s.Path, s.Value, s.From)
					}
				})
			})
		},
	}
	show.Flags().StringVar(&file, "config", os.Getenv("REFRACT_CONFIG"), "a YAML file with settings")
	config.AddFlags(show.Flags())
	c.AddCommand(show,
		&cobra.Command{
			Use: "docs", Short: "Print the configuration reference as Markdown", Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				_, err := fmt.Fprint(cmd.OutOrStdout(), config.Docs())
				return err
			},
		},
		&cobra.Command{
			Use: "schema", Short: "Print the JSON schema of the YAML file, for editors", Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				schema, err := config.Schema()
				if err != nil {
					return err
				}
				_, err = fmt.Fprintln(cmd.OutOrStdout(), string(schema))
				return err
			},
		})
	return c
}
