package bench

import (
	"fmt"
	"io"
	"strings"
)

// WriteMarkdown writes the report as a document.
func (r *Report) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	b.WriteString("# Benchmarks\n\n" +
		"Written by `refract bench --write docs/benchmarks.md`; `make bench` does that. Do not edit by hand.\n\n" +
		"A figure with a range is the median of three rounds, after one round to warm up, and the range is that of the rounds; the others are of one run. " +
		"Candidates that are compared take turns. A CPU-second is a second of user or system time of the process that does the work, on any core: other load " +
		"on the machine changes it little, while wall-clock figures share the cores with the benchmark's own clients and whatever else runs. The events come from `internal/sample`: " +
		"a deterministic stream of about 600 bytes an event with some 20 properties, text in many scripts, nested objects, late and repeated events.\n\n")
	if r.Quick {
		b.WriteString("**Made with `--quick`: the sizes are too small for the figures to mean anything.**\n\n")
	}
	b.WriteString("| | |\n|---|---|\n")
	for _, row := range r.facts() {
		fmt.Fprintf(&b, "| %s | %s |\n", row[0], row[1])
	}
	b.WriteString("\n## Bars\n\n| benchmark | figure | measured | bar | |\n|---|---|---|---|---|\n")
	for _, result := range r.Results {
		for _, f := range result.Figures {
			if f.Bar != nil {
				fmt.Fprintf(&b, "| [%s](#%s) | %s | %s %s | %s | %s |\n", result.Name, result.Name, f.Name, count(f.Value), f.Unit, f.Bar, reached(&f))
			}
		}
	}
	for _, result := range r.Results {
		result.markdown(&b)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("writing the document: %w", err)
	}
	return nil
}

func reached(f *Figure) string {
	if f.Missed() {
		return "**not reached**"
	}
	return "reached"
}

func (r *Result) markdown(b *strings.Builder) {
	fmt.Fprintf(b, "\n## %s\n\n%s. %s\n\n", r.Name, r.Title, r.About)
	if r.Skipped != "" {
		fmt.Fprintf(b, "Skipped: %s.\n", r.Skipped)
		return
	}
	b.WriteString("| figure | median | unit | range | means |\n|---|---:|---|---|---|\n")
	for _, f := range r.Figures {
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", f.Name, count(f.Value), f.Unit, f.span(), f.Means)
	}
	for _, f := range r.Figures {
		if f.Bar == nil {
			continue
		}
		fmt.Fprintf(b, "\nBar: %s, %s %s: %s. What limits it: %s\n", f.Name, f.Bar, f.Unit, reached(&f), f.Bound)
	}
}
