package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/refract-io/refract/internal/node"
	"github.com/refract-io/refract/internal/platform/config"
)

func newUp(*options) *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "up",
		Short: "Run the service",
		Long: `Run the roles of this process until SIGTERM or Ctrl-C. Everything is kept below the data folder; the defaults listen on loopback.
Settings come from flags, the environment (REFRACT_...), a YAML file and defaults, in this order: see "refract config docs".`,
		Example: `  refract up
  refract up --data-dir /var/lib/refract --http-listen 0.0.0.0:8443 --http-tls-cert tls.crt --http-tls-key tls.key
  refract up --config refract.yaml --roles collector`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, _, err := config.Load(config.Sources{File: file, Environ: os.Environ(), Flags: cmd.Flags()})
			if err != nil {
				return err
			}
			return node.Run(cmd.Context(), cfg, version)
		},
	}
	c.Flags().StringVar(&file, "config", os.Getenv("REFRACT_CONFIG"), "a YAML file with settings")
	config.AddFlags(c.Flags())
	return c
}
