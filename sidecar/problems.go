package main

import (
	"errors"
	"fmt"

	"github.com/tidemark/tidemark/sidecar/aggregate"
	"github.com/tidemark/tidemark/sidecar/clean"
	"github.com/tidemark/tidemark/sidecar/config"
	"github.com/tidemark/tidemark/sidecar/event"
)

// loadConfig reads a configuration and compiles what is in it, so that everything that is wrong is found at once, with its place in the file.
// The checks are for what a command needs beyond that.
func loadConfig(path string, checks ...config.Check) (*config.Config, error) {
	cfg, err := config.Load(path, append(checks, compileProblems, config.RepeatedGroupings)...)
	if err != nil {
		return nil, usageError{err}
	}
	return cfg, nil
}

// needStreams is the check of commands that have nothing to do without a stream.
func needStreams(cfg *config.Config) config.Problems {
	if len(cfg.Streams) > 0 {
		return nil
	}
	return config.Problems{cfg.Problem("streams", "no stream is configured: at least one is needed")}
}

// compileProblems finds the conditions and steps that do not compile.
func compileProblems(cfg *config.Config) config.Problems {
	var problems config.Problems
	for i := range cfg.Streams {
		problems = append(problems, streamProblems(cfg, &cfg.Streams[i], fmt.Sprintf("streams[%d]", i))...)
	}
	return problems
}

func streamProblems(cfg *config.Config, s *config.Stream, path string) config.Problems {
	var problems config.Problems
	note := func(key string, err error) {
		if err != nil {
			problems = append(problems, conditionProblem(cfg, path+"."+key, err))
		}
	}
	if len(s.Rollups) == 0 {
		note("rollups", errors.New("the stream has no rollups: at least one is needed"))
	}
	schema := event.NewSchema()
	for i, d := range s.Definitions() {
		_, err := aggregate.CompileRollup(d, schema)
		for _, setting := range joined[*aggregate.SettingError](err) {
			note(fmt.Sprintf("rollups[%d].%s", i, setting.Key), setting.Err)
		}
	}
	_, err := event.CompileTimestamp("", s.Timestamp.Format, schema)
	note("timestamp.format", err)
	if s.Timestamp.Field != "" {
		_, err := schema.Slot(s.Timestamp.Field)
		note("timestamp.field", err)
	}
	if s.Dedupe != "" {
		_, err := schema.Slot(s.Dedupe)
		note("dedupe", err)
	}
	_, err = clean.Compile(s.Clean, schema)
	for _, step := range joined[*clean.StepError](err) {
		note(fmt.Sprintf("clean[%d].%s", step.Step, step.Key), step.Err)
	}
	return problems
}

// joined gives the errors of which a joined one is made.
func joined[E error](err error) []E {
	var all []E
	if join, ok := err.(interface{ Unwrap() []error }); ok { // the error as it was made, not what it wraps
		for _, part := range join.Unwrap() {
			if one, ok := errors.AsType[E](part); ok {
				all = append(all, one)
			}
		}
	}
	return all
}

func conditionProblem(cfg *config.Config, path string, err error) config.Problem {
	var condition *event.ConditionError
	if errors.As(err, &condition) {
		return cfg.ProblemIn(path, condition.Line, condition.Column, "%s", condition.Message)
	}
	return cfg.Problem(path, "%v", err)
}
