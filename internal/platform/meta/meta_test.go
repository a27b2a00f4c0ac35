package meta

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func open(t *testing.T, path string) *DB {
	t.Helper()
	db, err := Open(context.Background(), path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func TestMigrationsRunOnceAlsoWhenTwoProcessesStartTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "meta.db")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			db, err := Open(context.Background(), path)
			if err != nil {
				t.Error(err)
				return
			}
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	var n int
	require.NoError(t, open(t, path).QueryRow(context.Background(), `SELECT count(*) FROM project`).Scan(&n))
}

func TestATransactionThatFailsLeavesNothing(t *testing.T) {
	ctx := context.Background()
	db := open(t, filepath.Join(t.TempDir(), "meta.db"))
	boom := errors.New("boom")
	err := db.InTx(ctx, func(tx *Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO migration (name) VALUES (?)`, "x")
		require.NoError(t, err)
		return boom
	})
	require.ErrorIs(t, err, boom)
	var n int
	require.NoError(t, db.QueryRow(ctx, `SELECT count(*) FROM migration WHERE name = ?`, "x").Scan(&n))
	require.Zero(t, n)
}

func TestCommitsAreSyncedToDisk(t *testing.T) {
	var mode int
	db := open(t, filepath.Join(t.TempDir(), "meta.db"))
	require.NoError(t, db.QueryRow(context.Background(), `PRAGMA synchronous`).Scan(&mode))
	require.Equal(t, 2, mode, "FULL")
}

func TestParametersAreRewrittenForPostgres(t *testing.T) {
	pg := &DB{postgres: true}
	require.Equal(t, `a = $1 AND b = $2`, pg.rebind(`a = ? AND b = ?`))
	require.Equal(t, `a = ?`, (&DB{}).rebind(`a = ?`))
}

func TestTablesOfANewerVersionAreRefused(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "meta.db")
	_, err := open(t, path).Exec(ctx, `INSERT INTO migration (name) VALUES (?)`, "9999_future.sql")
	require.NoError(t, err)
	_, err = Open(ctx, path)
	require.ErrorContains(t, err, "9999_future.sql")
}
