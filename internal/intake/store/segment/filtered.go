package segment

// Filtered selects the rows of batches that lie in a log range, as a reader needs when its window ends inside a segment. It is
// reused from batch to batch.
type Filtered struct {
	rows Batch
}

// Select returns the rows of b with after < position <= upTo: b itself if those are all, otherwise copies that are valid until
// the next call. It keeps the columns that b has, Position among them.
func (f *Filtered) Select(b *Batch, after, upTo uint64) *Batch {
	n := 0
	for _, p := range b.Position {
		if p > after && p <= upTo {
			n++
		}
	}
	if n == b.Len {
		return b
	}
	to := &f.rows
	to.Day, to.Len = b.Day, n
	keep := func(i int) bool { return b.Position[i] > after && b.Position[i] <= upTo }
	selectTexts := func(to, from *Text) {
		if from.Offsets == nil {
			*to = Text{}
			return
		}
		to.Offsets, to.Data = append(to.Offsets[:0], 0), to.Data[:0]
		for i := range b.Len {
			if keep(i) {
				to.Data = append(to.Data, from.At(i)...)
				to.Offsets = append(to.Offsets, uint32(len(to.Data)))
			}
		}
	}
	to.Index = selectNumbers(to.Index, b.Index, keep)
	to.Received = selectNumbers(to.Received, b.Received, keep)
	to.Time = selectNumbers(to.Time, b.Time, keep)
	for t := range numTexts {
		selectTexts(to.text(t), b.text(t))
	}
	to.Position = selectNumbers(to.Position, b.Position, keep)
	return to
}

func selectNumbers[T any](to, from []T, keep func(int) bool) []T {
	if from == nil {
		return nil
	}
	to = to[:0]
	for i, v := range from {
		if keep(i) {
			to = append(to, v)
		}
	}
	return to
}
