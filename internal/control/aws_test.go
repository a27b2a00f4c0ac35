package control

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/aws/doctor"
	"github.com/refract-io/refract/internal/aws/grant"
	"github.com/refract-io/refract/internal/platform/project"
)

type fakeAWS struct {
	examined *grant.Settings
	deep     bool
}

func (f *fakeAWS) Settings(_ context.Context, p *project.Project, pipeline string) (*grant.Settings, error) {
	return &grant.Settings{Project: p.ID, ExternalID: p.Token, Pipeline: pipeline}, nil
}

func (f *fakeAWS) Examine(_ context.Context, s *grant.Settings, deep bool) *doctor.Report {
	f.examined, f.deep = s, deep
	return &doctor.Report{Pipeline: s.Pipeline, Checks: []doctor.Check{{Area: "s3", Name: "s3:PutObject", Status: doctor.Passed}}}
}

func TestAnExaminationIsAlwaysOfTheProjectsOwnFolder(t *testing.T) {
	ctx, f, fake := context.Background(), start(t), &fakeAWS{}
	made, err := f.CreateProject(ctx, NewProject{Name: "shop"})
	require.NoError(t, err)
	_, err = f.AWSSettings(ctx, made.ID, "")
	require.ErrorContains(t, err, "ask a process with the role worker")

	f.server.AWS = fake
	s, err := f.AWSSettings(ctx, made.ID, "events daily")
	require.NoError(t, err)
	require.Equal(t, "events daily", s.Pipeline)
	require.Equal(t, made.Token, s.ExternalID)
	_, err = f.ExamineAWS(ctx, made.ID, Examination{Settings: s})
	require.ErrorContains(t, err, "the bucket", "settings are checked before anything is asked of AWS")
	require.Nil(t, fake.examined)

	s.S3 = grant.S3{Bucket: "lake", Region: "eu-central-1"}
	s.Project, s.ExternalID = 99, "somebody-elses-token"
	report, err := f.ExamineAWS(ctx, made.ID, Examination{Settings: s, Deep: true})
	require.NoError(t, err)
	require.Len(t, report.Checks, 1)
	require.Equal(t, made.ID, fake.examined.Project)
	require.Equal(t, made.Token, fake.examined.ExternalID)
	require.True(t, fake.deep)
	_, err = f.AWSSettings(ctx, made.ID+1, "")
	require.Error(t, err)
}
