package doctor

import "context"

func (e *examination) questions(ctx context.Context, usable map[string]bool) {}
