package node

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestASecretFileIsMadeOnceAndPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin-token")
	first, err := secretFile(path, newSecret(24))
	require.NoError(t, err)
	require.Len(t, first, 48)
	again, err := secretFile(path, newSecret(24))
	require.NoError(t, err)
	require.Equal(t, first, again)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	_, err = secretFile(path, newSecret(24))
	require.ErrorContains(t, err, "it is empty")
	_, err = secretFile(filepath.Join(path, "below-a-file"), "x")
	require.ErrorContains(t, err, "choose a data folder")
}

func TestTheAccessKeyOfTheEndpointIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "aws-credentials")
	first, err := awsKey(path)
	require.NoError(t, err)
	require.Regexp(t, "^AKIA[0-9A-F]{16}$", first.ID)
	require.Len(t, first.Secret, 40)
	again, err := awsKey(path)
	require.NoError(t, err)
	require.Equal(t, first, again)
	require.NoError(t, os.WriteFile(path, []byte("[default]\nregion = x\n"), 0o600))
	_, err = awsKey(path)
	require.ErrorContains(t, err, "it holds no access key")
}
