// Package pipeline decides what is exported when, and sees it through.
//
// # Windows
//
// A pipeline exports by arrival and places by event day. What one run covers is its window: a range (after, up to] of log
// positions, the next one beginning where the last one ended. The window is stored before anything is written, and an attempt that
// fails is repeated with the same window, so every record is exported once whatever crashes. A new pipeline begins at position 0:
// first come the windows of all that has arrived, then those of what arrives.
//
// A cycle of runs goes up to the position that was sealed when the cycle became due, its target. Windows end at segments and hold
// about Config.MaxRecords records, so that a run is bounded whatever has piled up. Snapshots, and pipelines that replace days, take all
// up to the target in one run, since each run of a series would write the same again.
//
// # Kinds
//
//	JSON         rows of few columns; a run adds objects to the days (UTC) of its events
//	schematized  rows of a column per property; a run adds objects to the days (project's time zone) of its events or, with Sync, finds
//	             the days that its events belong to and writes each of them anew, whole, in a version of its own
//	raw          lines of the export API in folders of hours or days (project's time zone), which get a marker when they are over
//	snapshots    people and identity mappings, JSON or schematized; each run replaces the table
//
// # An attempt
//
// Objects, then the mapping with the run, then the manifest: from then on the objects are complete and are not written again, whatever
// happens. Then the mapping file and the catalog, then the result with the bookkeeping, in one transaction, in which the run's mapping
// becomes the pipeline's. A mapping is a function of the one before and the rows, so an attempt that is repeated without a manifest
// assigns the same names. Versions of days and snapshots that were replaced are removed after a grace period, or at once where no catalog
// tells readers which is the current one.
//
// # Edits
//
// Each edit is a revision. A manifest says under which one its objects were written, which are not selected anew. Everything else is done
// under the newest: objects without a manifest are written again, and what attempts before have left besides is removed; the catalog is
// the one that the pipeline names now, so that an edit cures a run whose catalog was named wrongly.
//
// # States
//
//	            ┌─────────► retried ──┐ transient error, after a pause
//	            │                     ▼
//	pending ─► running ─────────► (running) ─► succeeded
//	  ▲         │  │
//	  │         │  └─► failed, timed_out ──► running again: run, resume, or the pipeline's next turn
//	  └─────────┤ shutdown
//	            └─► canceled ──► running again: resume after pause; cleared away after cancel
//
// A run that has not succeeded is open; a pipeline has at most one. Every state but running is left by whichever worker leases the
// pipeline next. A worker that dies leaves a running run and a lease that expires.
//
// # Work of several processes
//
// A worker leases a pipeline for as long as it works on it and renews the lease; every write of a result is conditional on the
// lease. One that was stopped for longer than the lease may go on in the middle of a call: it replaces no object and no manifest of the
// worker that took over, moves no table or day back to a version before, and fails to record the result. What it was storing, if the
// pipeline was edited meanwhile or its snapshot replaced, may be left as an object of no run, which refract verify reports.
package pipeline
