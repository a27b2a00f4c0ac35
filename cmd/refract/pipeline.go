package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/refract-io/refract/internal/control"
	"github.com/refract-io/refract/internal/export/pipeline/pipelineapi"
)

// pipelines are the commands on pipelines, each a call of the pipelines API.
type pipelines struct {
	*options
	project string // name or id
}

func newPipeline(o *options) *cobra.Command {
	c := &cobra.Command{
		Use: "pipeline", Short: "Create, watch and steer pipelines",
		Long: `A pipeline exports events, people or identity mappings of a project into a lake and keeps the catalog up to date. A new one
first exports everything that has arrived, then what arrives: no gap, no overlap.

The commands are a client of Mixpanel's Data Pipelines API, which docs/pipelines.md describes.`,
		Example: `  refract pipeline create --source events --frequency continuous
  refract pipeline list
  refract pipeline show events-daily-aws-monoschema`,
	}
	p := &pipelines{options: o}
	c.PersistentFlags().StringVar(&p.project, "project", "", "the project's name or id (default: the only project)")
	complete(c, "project", p.completeProjects)
	c.AddCommand(p.newCreate(), p.newEdit(), p.newList(), p.newShow(), p.newRuns(), p.newStatus(), p.newJobs(), p.newTimeline(), p.newSchema())
	for _, v := range []struct{ call, short, done string }{
		{"run", "Make a pipeline due now, also after a failure", "is due"},
		{"pause", "Stop a pipeline's runs until it is resumed", "is paused"},
		{"resume", "Go on with a paused pipeline where it stopped", "goes on"},
		{"cancel", "End a pipeline for good; what it exported stays", "is cancelled"},
		{"delete", "Forget a cancelled pipeline and its history", "is deleted"},
	} {
		c.AddCommand(p.newChange(v.call, v.short, v.done))
	}
	return c
}

// on connects to the service, finds the project and does something there. Errors name flags where the API names parameters.
func (p *pipelines) on(ctx context.Context, do func(*control.Client, int64) error) error {
	client, project, err := p.options.project(ctx, p.project)
	if err != nil {
		return err
	}
	return withFlags(do(client, project.ID))
}

// parameterWord is a word that can be the name of a parameter.
var parameterWord = regexp.MustCompile(`\b[a-z0-9]+(_[a-z0-9]+)+\b`)

// withFlags makes an error of the API one of the command line: parameters become flags.
func withFlags(err error) error {
	failure, ok := errors.AsType[*control.Failure](err)
	if !ok {
		return err
	}
	told := *failure
	if rest, ok := strings.CutPrefix(told.Message, failure.Parameter+": "); ok && failure.Parameter != "" {
		switch parameter := pipelineapi.Named(failure.Parameter); {
		case failure.Parameter == "name" && strings.HasPrefix(rest, "the project has no"):
			told.Message = rest
		case failure.Parameter == "project_id":
			told.Message = "--project: " + rest
		case parameter != nil:
			told.Message = "--" + parameter.Flag() + ": " + rest
		default:
			told.Message = "--" + failure.Parameter + ": " + rest
		}
	}
	told.Message = flagWords(told.Message)
	return &told
}

// flagWords writes flags for the parameters that a text of the API speaks of.
func flagWords(text string) string {
	return parameterWord.ReplaceAllStringFunc(text, func(word string) string {
		if parameter := pipelineapi.Named(word); parameter != nil {
			return "--" + parameter.Flag()
		}
		return word
	})
}

func (p *pipelines) newChange(call, short, done string) *cobra.Command {
	return &cobra.Command{
		Use: call + " NAME", Short: short, Args: cobra.ExactArgs(1), ValidArgsFunction: p.completeNames,
		Example: "  refract pipeline " + call + " events-daily-aws-monoschema",
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.on(cmd.Context(), func(client *control.Client, project int64) error {
				if err := client.ChangePipeline(cmd.Context(), project, args[0], call); err != nil {
					return err
				}
				return p.options.show(cmd.OutOrStdout(), map[string]string{"status": "ok"}, func(w io.Writer) { fmt.Fprintln(w, args[0], done) })
			})
		},
	}
}

// completionPatience bounds how long the shell waits for names.
const completionPatience = 2 * time.Second

func (p *pipelines) completeNames(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(cmdContext(cmd)), completionPatience)
	defer cancel()
	var names []string
	err := p.on(ctx, func(client *control.Client, project int64) error {
		all, err := client.Pipelines(ctx, project)
		for _, x := range all {
			names = append(names, x.Name+"\t"+x.Type+" "+x.Source+", "+x.State)
		}
		return err
	})
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func (p *pipelines) completeProjects(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(cmdContext(cmd)), completionPatience)
	defer cancel()
	client, err := p.connect()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	all, err := client.Projects(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	names := make([]string, len(all))
	for i, x := range all {
		names[i] = x.Name
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// cmdContext returns the command's context; completion runs commands that have none.
func cmdContext(cmd *cobra.Command) context.Context {
	if ctx := cmd.Context(); ctx != nil {
		return ctx
	}
	return context.Background()
}

// complete registers the completion of a flag's values.
func complete(c *cobra.Command, flag string, values cobra.CompletionFunc) {
	if err := c.RegisterFlagCompletionFunc(flag, values); err != nil {
		panic(err) // there is no such flag, or it has completion already
	}
}

// named is the form of a call about one pipeline.
func named(name string) url.Values { return url.Values{"name": {name}} }
