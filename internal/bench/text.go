package bench

import (
	"fmt"
	"io"
	"math"
	"path"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// WriteText prints the report as a table for terminals.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	for _, row := range r.facts() {
		fmt.Fprintf(&b, "%-19s %s\n", row[0], row[1])
	}
	for _, result := range r.Results {
		fmt.Fprintf(&b, "\n%s: %s\n", result.Name, result.Title)
		if result.Skipped != "" {
			fmt.Fprintf(&b, "  skipped: %s\n", result.Skipped)
			continue
		}
		table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		for _, f := range result.Figures {
			fmt.Fprintf(table, "  %s\t%s %s\t%s\t%s\n", f.Name, count(f.Value), f.Unit, f.span(), f.verdict())
		}
		if err := table.Flush(); err != nil {
			return fmt.Errorf("printing the figures: %w", err)
		}
	}
	_, err := io.WriteString(w, b.String())
	if err != nil {
		return fmt.Errorf("printing the figures: %w", err)
	}
	return nil
}

// facts are the names and values of where, when and with what it was measured.
func (r *Report) facts() [][2]string {
	m := r.Machine
	facts := [][2]string{
		{"date", fmt.Sprintf("%s, took %s", r.Started.Format("2006-01-02 15:04 UTC"), r.Took.Round(time.Second))},
		{"CPU", fmt.Sprintf("%s, %d cores", orUnknown(m.CPU), m.Cores)},
		{"memory", fmt.Sprintf("%.1f GiB", float64(m.Memory)/(1<<30))},
		{"system", strings.TrimSpace(m.OS + " " + m.Kernel)},
		{"file system", orUnknown(m.FileSystem)},
		{"load", orUnknown(m.Load) + " (averages of 1, 5 and 15 minutes before the start)"},
		{"Go", m.Go},
	}
	for _, v := range r.Versions {
		facts = append(facts, [2]string{path.Base(strings.TrimSuffix(v.Name, "/v2")), v.Version})
	}
	return facts
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

// span is the range of the rounds, "" of a single one.
func (f *Figure) span() string {
	if f.Rounds < 2 {
		return ""
	}
	return fmt.Sprintf("%s to %s", count(f.Low), count(f.High))
}

// verdict is the bar and whether it is reached.
func (f *Figure) verdict() string {
	switch {
	case f.Bar == nil:
		return ""
	case f.Missed():
		return f.Bar.String() + ": not reached"
	}
	return f.Bar.String() + ": reached"
}

// String returns "at least 5,000" or "below 5".
func (b *Bar) String() string {
	if b.Below > 0 {
		return "below " + count(b.Below)
	}
	return "at least " + count(b.AtLeast)
}

// count writes a value with three significant digits at least, and thousands apart.
func count(v float64) string {
	if math.Abs(v) < 100 {
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	digits := strconv.FormatFloat(v, 'f', 0, 64)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
