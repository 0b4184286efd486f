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
func loadConfig(path string) (*config.Config, error) {
	cfg, err := config.Load(path)
	if err != nil {
		return nil, usageError{err}
	}
	if problems := compileProblems(cfg); len(problems) > 0 {
		return nil, problems
	}
	return cfg, nil
}

// compileProblems finds the conditions and steps that do not compile.
func compileProblems(cfg *config.Config) config.Problems {
	var problems config.Problems
	for i, s := range cfg.Streams {
		path := fmt.Sprintf("streams[%d]", i)
		if len(s.Rollups) == 0 {
			problems = append(problems, cfg.Problem(path+".rollups", "the stream has no rollups: at least one is needed"))
		}
		schema := event.NewSchema()
		for _, d := range s.Definitions() {
			if _, err := aggregate.CompileRollup(d, schema); err != nil {
				problems = append(problems, settingProblem(cfg, fmt.Sprintf("%s.rollups[%d]", path, rollupIndex(s, d.Name)), err))
			}
		}
		if _, err := event.CompileTimestamp(s.Timestamp.Field, s.Timestamp.Format, schema); err != nil {
			problems = append(problems, cfg.Problem(path+".timestamp.format", "%v", err))
		}
		if s.Dedupe != "" {
			if err := new(aggregate.Plan).CompileDedupe(s.Dedupe, schema); err != nil {
				problems = append(problems, cfg.Problem(path+".dedupe", "%v", err))
			}
		}
		if _, err := clean.Compile(s.Clean, schema); err != nil {
			problems = append(problems, stepProblem(cfg, path, err))
		}
	}
	problems.Sort()
	return problems
}

func rollupIndex(s config.Stream, name string) int {
	for i := range s.Rollups {
		if s.Rollups[i].Name == name {
			return i
		}
	}
	return 0
}

func settingProblem(cfg *config.Config, path string, err error) config.Problem {
	var setting *aggregate.SettingError
	if errors.As(err, &setting) {
		path, err = path+"."+setting.Key, setting.Err
	}
	return conditionProblem(cfg, path, err)
}

func stepProblem(cfg *config.Config, path string, err error) config.Problem {
	var step *clean.StepError
	if errors.As(err, &step) {
		path, err = fmt.Sprintf("%s.clean[%d].%s", path, step.Step, step.Key), step.Err
	}
	return conditionProblem(cfg, path, err)
}

func conditionProblem(cfg *config.Config, path string, err error) config.Problem {
	var condition *event.ConditionError
	if errors.As(err, &condition) {
		return cfg.ProblemIn(path, condition.Line, condition.Column, "%s", condition.Message)
	}
	return cfg.Problem(path, "%v", err)
}
