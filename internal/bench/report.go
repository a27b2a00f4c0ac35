package bench

import "time"

// Report is what was measured.
type Report struct {
	Started  time.Time     `json:"started"`
	Took     time.Duration `json:"took_ns"`
	Quick    bool          `json:"quick,omitempty"`
	Full     bool          `json:"full,omitempty"`
	Only     []string      `json:"only,omitempty"`
	Machine  Machine       `json:"machine"`
	Versions []Version     `json:"versions"`
	Results  []Result      `json:"results"`
}

// Result is one benchmark's.
type Result struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	About string `json:"about"`
	// Skipped is why it could not run here.
	Skipped string   `json:"skipped,omitempty"`
	Figures []Figure `json:"figures"`
}

// Figure is a median of rounds.
type Figure struct {
	Name string `json:"name"`
	// Unit is of Value, Low and High: "events/CPU-s", "MiB", "s".
	Unit  string  `json:"unit"`
	Value float64 `json:"value"`
	// Low and High are the extremes of the rounds.
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
	Rounds int     `json:"rounds"`
	// Bar is what the value shall reach, if anything.
	Bar *Bar `json:"bar,omitempty"`
	// Means says what is counted. Bound says what holds the figure back.
	Means string `json:"means"`
	Bound string `json:"bound,omitempty"`
}

// Bar is the least value that is good, or the first that is not any more.
type Bar struct {
	AtLeast float64 `json:"at_least,omitempty"`
	Below   float64 `json:"below,omitempty"`
}

func atLeast(v float64) *Bar { return &Bar{AtLeast: v} }

func below(v float64) *Bar { return &Bar{Below: v} }

// Reached reports whether the value is good.
func (b *Bar) Reached(v float64) bool {
	if b.Below > 0 {
		return v < b.Below
	}
	return v >= b.AtLeast
}

// Missed reports whether the figure has a bar and does not reach it.
func (f *Figure) Missed() bool { return f.Bar != nil && !f.Bar.Reached(f.Value) }
