package selection

import (
	"context"
	"errors"
	"fmt"

	"github.com/refract-io/refract/internal/export/transform"
	"github.com/refract-io/refract/internal/intake/eventlog"
)

// maxUserBytes is how much memory the user properties of an expression may take.
const maxUserBytes = 64 << 20

// ErrTooManyUsers says that the user properties that an expression names do not fit into memory.
var ErrTooManyUsers = errors.New("the user properties that it names take more than 64 MB")

// Profiles are a project's user profiles; store.Reader has them.
type Profiles interface {
	ScanProfiles(ctx context.Context, project int64, upTo eventlog.Position, fn func(distinctID, properties []byte, received int64) error) error
}

// users are profiles by distinct_id, reduced to the properties that an expression asks for. Those that have none are left out.
type users map[string][]byte

// readUsers reads the properties with the names of all profiles that have any of them.
func readUsers(ctx context.Context, profiles Profiles, project int64, upTo eventlog.Position, names []string) (users, error) {
	if len(names) == 0 {
		return nil, nil
	}
	found, size := users{}, 0
	pick := transform.NewProjection(names, nil)
	err := profiles.ScanProfiles(ctx, project, upTo, func(distinctID, properties []byte, _ int64) error {
		picked, err := pick.Append(nil, properties)
		if err != nil || len(picked) == len("{}") {
			return err
		}
		if size += len(distinctID) + len(picked) + 64; size > maxUserBytes {
			return ErrTooManyUsers
		}
		found[string(distinctID)] = picked
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the profiles of project %d: %w", project, err)
	}
	return found, nil
}
