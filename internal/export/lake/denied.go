package lake

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/refract-io/refract/internal/catalog"
	"github.com/refract-io/refract/internal/platform/fault"
)

// lakeFormation is in all the texts with which Lake Formation denies.
const lakeFormation = "Lake Formation"

// catalogFault gives the catalog's answers that carry no class one, and denials a hint.
func catalogFault(op, object string, err error) error {
	cause := cause(err)
	if errors.Is(cause, catalog.ErrAccessDenied) {
		return fault.New(fault.Setup, op, object, unclassed(cause), deniedHint(cause.Error()))
	}
	if _, ok := errors.AsType[*fault.Error](err); ok || errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s %s: %w", op, object, err)
	}
	switch {
	case errors.Is(cause, catalog.ErrInvalidInput):
		return fault.New(fault.Setup, op, object, err, "check the names of database and table")
	case errors.Is(cause, catalog.ErrNotFound), errors.Is(cause, catalog.ErrConcurrentModification), errors.Is(cause, context.DeadlineExceeded):
		return fault.New(fault.Transient, op, object, err, "")
	case fault.ClassOf(cause) != fault.Bug:
		return fault.New(fault.ClassOf(cause), op, object, err, "")
	}
	return fmt.Errorf("%s %s: %w", op, object, err)
}

// partitionFault is catalogFault for calls on partitions of a table that has partition keys.
func partitionFault(op, object string, err error) error {
	if denied(err) {
		return fault.New(fault.Setup, op, object, unclassed(cause(err)),
			"allow the role "+partitionActions+" on the table, its database and the catalog; or drop the table, and it will be made without partitions")
	}
	return catalogFault(op, object, err)
}

// cause returns the first failure of a batch, or the error itself.
func cause(err error) error {
	if batch, ok := errors.AsType[*catalog.BatchError](err); ok {
		return batch.Failed[0].Err
	}
	return err
}

// unclassed returns what a fault is about, so that only one hint is shown.
func unclassed(err error) error {
	if f, ok := err.(*fault.Error); ok && f.Err != nil {
		return f.Err
	}
	return err
}

// deniedHint says what to grant. Lake Formation's denials name the permission or the location that is missing (AWS Lake Formation,
// "Troubleshooting").
func deniedHint(message string) string {
	switch {
	case !strings.Contains(message, lakeFormation) && !strings.Contains(message, "lakeformation:"):
		return "allow the role the Glue actions of the setup page, on the table, its database and the catalog; where Lake Formation governs the database, grant CREATE_TABLE on it and the data location"
	case strings.Contains(message, "lakeformation:GetDataAccess"):
		return "allow the action lakeformation:GetDataAccess on * in the policy of the role that reads"
	case strings.Contains(message, "on s3://"):
		return "grant the role DATA_LOCATION_ACCESS on that path in Lake Formation; no IAM policy takes its place"
	case strings.Contains(message, "Required Create Database"):
		return "grant the role CREATE_DATABASE on the catalog in Lake Formation, or create the database yourself"
	case strings.Contains(message, "Required Create Table"):
		return "grant the role CREATE_TABLE on the database in Lake Formation, and DATA_LOCATION_ACCESS on the bucket's path if it is registered"
	case strings.Contains(message, "Required "):
		return "grant the role that permission on that table or database in Lake Formation; tables that it did not create need ALTER, INSERT, SELECT and DESCRIBE"
	}
	return "grant the role CREATE_TABLE and DESCRIBE on the database, and ALTER, INSERT, SELECT and DESCRIBE on tables that it did not create, in Lake Formation"
}
