package telemetry

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNamesOfSecretsAreKnown(t *testing.T) {
	for _, name := range []string{
		"password", "Password", "sql.password", "db_password_hash", "secret", "apiSecret", "api_secret", "token", "project-token", "sessionToken",
		"Authorization", "X-Amz-Security-Token", "api_key", "apiKey", "X-Api-Key", "APIKey2x_secret", "aws_secret_access_key", "accessKey", "private.key", "Set-Cookie",
	} {
		require.True(t, isSecret(name), name)
	}
	for _, name := range []string{"", "key", "object", "tokens", "tokenizer", "monkey", "partition_key", "primary key", "keypassage", "passwords_checked", "error", "_", "äpi kéy"} {
		require.False(t, isSecret(name), name)
	}
}

type login struct{ user, pass string }

// secretNumber has more digits than any part of a time of day, which the log shows.
const secretNumber = 8675309867530986753

func (l login) LogValue() slog.Value {
	return slog.GroupValue(slog.String("user", l.user), slog.String("password", l.pass))
}

func TestSecretsDoNotReachTheLog(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		t.Run(format, func(t *testing.T) {
			var out bytes.Buffer
			logger := NewLogger(&out, slog.LevelDebug, format).With("api_key", "hunter2", "plain", "seen1")
			logger.Info("message", "password", "hunter2", "who", login{"seen2", "hunter2"},
				slog.Group("credentials", "id", "hunter2", "n", int64(secretNumber)), "source", "postgres://me:hunter2@db/x",
				"url", &url.URL{Scheme: "nats", User: url.UserPassword("me", "hunter2"), Host: "seen3"},
				"headers", http.Header{"Authorization": {"Basic hunter2"}, "Accept": {"seen4"}},
				"error", errors.New("seen5"), "token", "", "mail", "a@b://c", slog.Any("secret", []string{"hunter2"}))
			logger.WithGroup("secrets").Debug("more", "x", "hunter2")
			text := out.String()
			require.NotContains(t, text, "hunter2")
			require.NotContains(t, text, strconv.Itoa(secretNumber))
			for _, seen := range []string{"seen1", "seen2", "seen3", "seen4", "seen5", "postgres://me:xxxxx@db/x", "a@b://c"} {
				require.Contains(t, text, seen)
			}
		})
	}
}

func TestFormatAndLevel(t *testing.T) {
	var out bytes.Buffer
	var level slog.LevelVar
	logger := NewLogger(&out, &level, "json")
	logger.Debug("hidden")
	logger.Info("shown", "n", 1)
	level.Set(slog.LevelError)
	logger.Warn("hidden")
	var line map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &line))
	require.Equal(t, "shown", line["msg"])
	require.Equal(t, "INFO", line["level"])
	require.EqualValues(t, 1, line["n"])

	out.Reset()
	NewLogger(&out, slog.LevelInfo, "text").Info("shown", "n", 1)
	require.True(t, strings.HasSuffix(out.String(), "level=INFO msg=shown n=1\n"), out.String())
}
