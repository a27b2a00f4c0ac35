// Package identity is how ids that belong to one user are found from events (Mixpanel, "Identity management").
//
// In the simplified mode the first event that carries both $device_id and $user_id ties the device to the user for ever. That needs
// no state but the winner, so there is nothing of it here but the names.
//
// In the original mode $identify, $create_alias and $merge events tie ids together, in the order of the log. Clusters holds the
// outcome. Mixpanel chooses a cluster's canonical id itself and does not say how; here it is the id that was there first: the
// identified id of $identify, the distinct_id of $create_alias, the first id of $merge, or what these resolve to already.
// What cannot be done is ignored, as Mixpanel does: a cluster of more than MaxCluster ids, or an anonymous id or alias that is tied
// to another id already.
package identity

// DevicePrefix begins the distinct_id of a device whose user is not known.
const DevicePrefix = "$device:"

// MaxCluster is how many ids one user may have in the original mode (Mixpanel, "Original ID merge").
const MaxCluster = 500

// Clusters is a set of ids tied together. Ids that it has not heard of stand for themselves. It does not serve several
// goroutines at a time.
type Clusters struct {
	canonical map[string]string   // of each alias
	aliases   map[string][]string // of each canonical id, in the order they came
}

// NewClusters returns an empty set.
func NewClusters() *Clusters {
	return &Clusters{canonical: map[string]string{}, aliases: map[string][]string{}}
}

// Tie records without question that alias stands for canonical, which is no alias itself: it loads an earlier outcome.
func (c *Clusters) Tie(alias, canonical string) {
	c.canonical[alias] = canonical
	c.aliases[canonical] = append(c.aliases[canonical], alias)
}

// Resolve returns the canonical id of id, which is id itself unless it is an alias.
func (c *Clusters) Resolve(id string) string {
	if to, ok := c.canonical[id]; ok {
		return to
	}
	return id
}

// Identify applies a $identify event.
func (c *Clusters) Identify(identified, anonymous string) { c.attach(identified, anonymous) }

// Alias applies a $create_alias event.
func (c *Clusters) Alias(id, alias string) { c.attach(id, alias) }

// attach ties a lone id to another one's cluster.
func (c *Clusters) attach(id, lone string) {
	if c.size(c.Resolve(lone)) == 1 {
		c.Merge(id, lone)
	}
}

// Merge applies a $merge event.
func (c *Clusters) Merge(first, second string) {
	to, from := c.Resolve(first), c.Resolve(second)
	if first == "" || second == "" || to == from || c.size(to)+c.size(from) > MaxCluster {
		return
	}
	for _, alias := range c.aliases[from] {
		c.Tie(alias, to)
	}
	delete(c.aliases, from)
	c.Tie(from, to)
}

func (c *Clusters) size(canonical string) int { return 1 + len(c.aliases[canonical]) }

// All calls fn with each alias and its canonical id, in no order.
func (c *Clusters) All(fn func(alias, canonical string)) {
	for alias, canonical := range c.canonical {
		fn(alias, canonical)
	}
}
