package e2e

import (
	"encoding/json"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/e2e/harness"
	"github.com/refract-io/refract/internal/control"
)

// curl calls the pipelines API as Mixpanel's documents do, and returns the HTTP status and the answer.
func curl(t *testing.T, s *harness.Service, user, call string, args ...string) (int, string) {
	t.Helper()
	path, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("curl is not installed")
	}
	args = append([]string{"-sS", "-w", "\n%{http_code}", s.API().URL + "/api/2.0/nessie/pipeline/" + call, "-u", user}, args...)
	out, err := exec.Command(path, args...).CombinedOutput()
	require.NoError(t, err, string(out))
	i := strings.LastIndexByte(string(out), '\n')
	status, err := strconv.Atoi(string(out)[i+1:])
	require.NoError(t, err)
	return status, string(out)[:i]
}

// TestPipelinesAPI goes through a pipeline's life with the documents' own commands.
func TestPipelinesAPI(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, "--seal-after", "20ms", "--pipeline-interval", "100ms")
	p := s.CreateProject("shop", "--time-zone", "US/Pacific")
	sender := &harness.Sender{Service: s, Token: p.Token}
	sender.MustSend(sender.Track, sender.Event("Viewed", harness.Object{"distinct_id": "ada"}))
	secret := p.Secret + ":"
	must := func(call string, args ...string) string {
		t.Helper()
		status, body := curl(t, s, secret, call, args...)
		require.Equal(t, 200, status, body)
		return body
	}

	// The example of the page on raw pipelines to AWS, and one of its own that needs no AWS.
	require.JSONEq(t, `{"pipeline_names":["events-daily-s3-raw"]}`, must("create", "-d", "type=s3-raw", "-d", "from_date=2019-08-10", "-d", "s3_bucket=example-s3-export",
		"-d", "s3_region=us-west-2", "-d", "s3_prefix=test", "-d", "s3_role=arn:aws:iam::123456789012:role/example-s3-role", "-d", "s3_encryption=aes"))
	must("pause", "-d", "name=events-daily-s3-raw")
	var made struct {
		Names []string `json:"pipeline_names"`
	}
	require.NoError(t, json.Unmarshal([]byte(must("create", "-d", "type=json", "-d", "frequency=continuous", "-d", "interval=100ms", "-d", "events=Viewed", "-d", "events=Bought")), &made))
	name := made.Names[0]
	s.AwaitPublished(p.ID)

	require.Regexp(t, `^\{"succeeded":\[\{"project_id":`+strconv.FormatInt(p.ID, 10)+`,"name":"`+name+`","state":"succeeded","last_finish":"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d-0[78]:00",`,
		must("status", "-d", "name="+name, "-d", "status=succeeded"))
	require.Regexp(t, `^\{"succeeded":\d+\}$`, must("status", "-G", "-d", "name="+name, "-d", "summary=true", "-d", "status=succeeded"))
	require.Regexp(t, `\{"name":"`+name+`","Dispatcher":"live","last_dispatched":"[-0-9 :]{19} US/Pacific","frequency":"continuous","sync_enabled":"false"\}`, must("jobs"))
	must("pause", "-d", "name="+name)
	require.Contains(t, must("show", "-d", "name="+name), `"state":"paused"`)
	must("resume", "-d", "name="+name)
	must("edit", "-d", "name="+name, "-d", "events=", "--data-urlencode", `where=properties["plan"] == "pro"`)
	require.Contains(t, must("show", "-d", "name="+name), `"where":"properties[\"plan\"] == \"pro\""`)

	// What is selected is exported, the rest is not.
	sender.MustSend(sender.Track, sender.Event("Paid", harness.Object{"distinct_id": "ada", "plan": "pro"}))
	sender.MustSend(sender.Track, sender.Event("Paid", harness.Object{"distinct_id": "bob", "plan": "free"}))
	s.AwaitPublished(p.ID)
	require.Contains(t, s.MustRun("sql", "SELECT count(*), max(distinct_id) FROM mp_json_export.mp_master_event WHERE event_name = 'Paid'", "--format", "csv"), "1,ada")

	require.Regexp(t, `^\{"day_syncs":\[\{"date":"20\d\d-\d\d-\d\d","sync_times":\["20.+ -0[78]00 P[DS]T".*\],"status":"synced"\}`, must("timeline", "-d", "name="+name))

	must("cancel", "-d", "name="+name)
	status, body := curl(t, s, secret, "status", "-d", "name="+name)
	require.Equal(t, 404, status)
	require.Contains(t, body, `"status":"error"`)
	require.NotContains(t, must("jobs"), name)
	status, body = curl(t, s, secret, "create", "-d", "type=json", "-d", "evnts=Viewed")
	require.Equal(t, 400, status)
	require.Contains(t, body, "evnts: there is no such parameter of create: did you mean events?")
	status, _ = curl(t, s, p.Token+":", "jobs")
	require.Equal(t, 401, status, "the project's token manages nothing")
}

// TestServiceAccountsManagePipelines has accounts of every role.
func TestServiceAccountsManagePipelines(t *testing.T) {
	t.Parallel()
	s := harness.Start(t)
	p := s.CreateProject("shop")
	id := strconv.FormatInt(p.ID, 10)
	for role, want := range map[string]int{"owner": 200, "admin": 200, "analyst": 403, "consumer": 403} {
		account := harness.RunJSON[control.Account](s, "service-account", "create", role, "--role", role)
		login := account.Username + ":" + account.Secret
		status, body := curl(t, s, login, "jobs", "-d", "project_id="+id)
		require.Equal(t, want, status, "%s: %s", role, body)
		if want == 200 {
			status, body = curl(t, s, login, "jobs")
			require.Equal(t, 400, status, body)
			require.Contains(t, body, "project_id")
		}
		status, body = curl(t, s, account.Username+":wrong", "jobs", "-d", "project_id="+id)
		require.Equal(t, 401, status, body)
	}
}

// TestPipelineCommands goes through a pipeline's life on the command line, without any flag of AWS.
func TestPipelineCommands(t *testing.T) {
	t.Parallel()
	s := harness.New(t, "--seal-after", "20ms", "--pipeline-interval", "100ms")
	s.Env = []string{"AWS_ACCESS_KEY_ID=AKIAEXPORTER00000000", "AWS_SECRET_ACCESS_KEY=secret", "AWS_EC2_METADATA_DISABLED=true"}
	s.Start()
	p := s.CreateProject("shop")
	sender := &harness.Sender{Service: s, Token: p.Token}
	sender.MustSend(sender.Track, sender.Event("Viewed", harness.Object{"distinct_id": "ada"}))

	shown := s.MustRun("pipeline", "create", "--type", "json", "--source", "events", "--frequency", "continuous", "--interval", "100ms", "--events", "Viewed", "--events", "Bought, twice", "--name", "views")
	for _, want := range []string{"views", "json, events, json", "continuous, at most every 100ms", "Viewed, Bought, twice", "s3://lake/", "mp_" + strconv.FormatInt(p.ID, 10) + ".mp_master_event"} {
		require.Contains(t, shown, want)
	}
	s.AwaitPublished(p.ID)
	require.Regexp(t, regexp.MustCompile(`(?m)^views +json +events +json +continuous +active +\d+ +s3://lake/`), s.MustRun("pipeline", "list"))
	require.Contains(t, s.MustRun("pipeline", "runs", "views"), "succeeded")
	require.Regexp(t, `(?m)^succeeded +\d+$`, s.MustRun("pipeline", "status", "views", "--summary"))
	require.Regexp(t, `(?m)^views +live `, s.MustRun("pipeline", "jobs"))
	require.Contains(t, s.MustRun("pipeline", "edit", "views", "--events", "", "--exclude-events", "Heartbeat"), "not        Heartbeat")
	for _, step := range [][2]string{{"pause", "paused"}, {"resume", "active"}, {"run", "active"}, {"cancel", "cancelled"}} {
		require.Contains(t, s.MustRun("pipeline", step[0], "views"), "views")
		require.Equal(t, step[1], harness.RunJSON[struct{ Pipeline control.Pipeline }](s, "pipeline", "show", "views").Pipeline.State)
	}
	s.Await("the cancelled pipeline can be deleted", func() bool { return s.Run("pipeline", "delete", "views").Status == 0 })
	require.Equal(t, 2, s.Run("pipeline", "show", "views").Status)

	t.Run("a failed run says why and what to do", func(t *testing.T) {
		s.MustRun("pipeline", "create", "--type", "json", "--s3-bucket", "b", "--s3-endpoint", "http://127.0.0.1:1", "--frequency", "continuous", "--name", "nowhere")
		s.Await("its run has failed", func() bool {
			runs, err := s.API().Runs(s.Context(), p.ID, "nowhere", 1)
			return err == nil && len(runs) == 1 && runs[0].State == "retried"
		})
		text := s.MustRun("pipeline", "show", "nowhere")
		require.Regexp(t, `(?m)^run 1 retried: transient \(.+\)\n  what +\S`, text)
	})
	t.Run("the shell completes names, flags' values and projects", func(t *testing.T) {
		for want, args := range map[string][]string{
			"nowhere\tjson events, active": {"pipeline", "pause", ""}, "s3-raw": {"pipeline", "create", "--type", ""}, "shop": {"pipeline", "create", "--project", ""},
		} {
			r := harness.Run(t, nil, append([]string{"__complete", "--data-dir", s.Dir}, args...)...)
			require.Contains(t, r.Stdout, want, args)
		}
	})
}

// TestASchematizedPipelineOnALaptop makes one without any flag of AWS, and reads it by SQL and backwards.
func TestASchematizedPipelineOnALaptop(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, "--seal-after", "20ms", "--pipeline-interval", "100ms")
	p := s.CreateProject("shop")
	sender := &harness.Sender{Service: s, Token: p.Token}
	for _, price := range []any{1.5, 2, "free"} {
		sender.MustSend(sender.Track, sender.Event("Bought", harness.Object{"distinct_id": "ada", "Price": price, "$city": "Berlin"}))
	}
	s.Await("everything is sealed, so that a daily pipeline's first run has it", func() bool {
		status, err := s.API().Status(s.Context())
		return err == nil && status.LogPosition > 0 && status.SealedPosition >= status.LogPosition
	})
	shown := s.MustRun("pipeline", "create", "--type", "aws", "--format", "parquet", "--source", "events", "--schema", "monoschema", "--sync")
	for _, want := range []string{"events-daily-aws-monoschema", "aws, events, parquet, monoschema, sync", "mp_" + strconv.FormatInt(p.ID, 10) + ".mp_master_event"} {
		require.Contains(t, shown, want)
	}
	s.AwaitPublished(p.ID)
	require.Contains(t, s.MustRun("sql", "SELECT count(*), sum(price), max(price_string), max(mp_city) FROM mp_json_export.mp_master_event", "--format", "csv"), "3,3.5,free,Berlin")
	require.Regexp(t, `(?m)^price_string +string +Price +20\S+Z +1$`, s.MustRun("pipeline", "schema", "events-daily-aws-monoschema"))
	require.Regexp(t, `(?m)^20\d\d-\d\d-\d\d +synced +1 +20`, s.MustRun("pipeline", "timeline"))
	names := strings.Fields(s.MustRun("pipeline", "create", "--type", "aws", "--source", "people", "--json"))
	require.Contains(t, strings.Join(names, ""), `"identities-daily-aws-monoschema"`)
	s.AwaitPublished(p.ID)
	s.RequireExact("shop")
}

// TestADailyPipelineExportsAtOnceWhatHasJustArrived makes and runs one while its events still wait to be sealed. Its next turn by itself
// is tomorrow.
func TestADailyPipelineExportsAtOnceWhatHasJustArrived(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, "--seal-after", "1s")
	p := s.CreateProject("shop")
	sender := &harness.Sender{Service: s, Token: p.Token}
	exported := func() (rows int64) {
		runs, err := s.API().Runs(s.Context(), p.ID, "daily", 1000)
		require.NoError(t, err)
		for _, r := range runs {
			rows += r.Rows
		}
		return rows
	}
	sender.MustSend(sender.Track, sender.Event("Viewed", harness.Object{"distinct_id": "ada"}))
	s.MustRun("pipeline", "create", "--name", "daily")
	s.Await("the event is exported", func() bool { return exported() == 1 })
	sender.MustSend(sender.Track, sender.Event("Viewed", harness.Object{"distinct_id": "bob"}))
	s.MustRun("pipeline", "run", "daily")
	s.Await("the second event is exported", func() bool { return exported() == 2 })
}
