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
// about Config.MaxRecords records, so that a run is bounded whatever has piled up.
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
// lease. Two workers that believe to hold it, because one was stopped for longer than the lease, write the same objects with the
// same bytes, and one of them fails to record the result.
package pipeline
