package rawexport

import (
	"context"
	"fmt"

	"github.com/refract-io/refract/internal/export/transform"
	"github.com/refract-io/refract/internal/intake/eventlog"
)

// maxUserBytes is how much memory the user properties of an export's condition may take.
const maxUserBytes = 64 << 20

// users are profiles by distinct_id, reduced to the properties that a condition asks for.
type users map[string][]byte

// users reads the properties with the names of all profiles that have any of them.
func (s *server) users(ctx context.Context, project int64, upTo eventlog.Position, names []string) (users, error) {
	if len(names) == 0 {
		return nil, nil
	}
	found, size := users{}, 0
	pick := transform.NewProjection(names, nil)
	err := s.Reader.ScanProfiles(ctx, project, upTo, func(distinctID, properties []byte) error {
		picked, err := pick.Append(nil, properties)
		if err != nil || len(picked) == len("{}") {
			return err
		}
		if size += len(distinctID) + len(picked) + 64; size > maxUserBytes {
			return bad("where is invalid: the user properties that it names take more than %d MB", maxUserBytes>>20)
		}
		found[string(distinctID)] = picked
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the profiles of project %d: %w", project, err)
	}
	return found, nil
}
