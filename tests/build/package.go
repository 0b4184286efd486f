package build

import (
	"context"
	"crypto/sha1" // the catalogue asks for it
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/tidemark/tidemark/tests/build/archive"
)

// releaseDir is where what is published goes.
const releaseDir = "release"

// Package builds all that a release consists of into the folder release: the plugin and the sidecar for all platforms as zip files, bills of what is in the
// plugin, and sums of all. Sources of the same commit give the same bytes.
func Package(ctx context.Context, out io.Writer) error {
	if err := checkTools(ctx, false, nodeTool, npmTool); err != nil {
		return err
	}
	at, err := sourceTime(ctx)
	if err != nil {
		return err
	}
	p, err := readProduct()
	if err != nil {
		return err
	}
	for _, dir := range []string{"dist", releaseDir} { // the plugin holds all that is in dist
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(releaseDir, 0o755); err != nil {
		return err
	}
	r := release{product: p, at: at}
	backends, needs := r.backendSteps()
	return Run(ctx, out,
		append(backends, r.sidecarStep()),
		Lane{
			modulesStep(), r.frontEndStep(), distStep(platforms, append(needs, "build front end")...), signStep(), r.pluginStep(),
			r.goBillStep(), r.npmBillStep(), r.sumsStep(),
		},
	)
}

// sourceTime is when the sources were written, which stands for the time in all that is built of them: SOURCE_DATE_EPOCH, in seconds, or the commit's.
func sourceTime(ctx context.Context) (time.Time, error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		output, err := exec.CommandContext(ctx, "git", "log", "-1", "--format=%ct").Output()
		if err != nil {
			return time.Time{}, fmt.Errorf("ask git when the sources were written (%w): set SOURCE_DATE_EPOCH where there is no repository", err)
		}
		text = strings.TrimSpace(string(output))
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("read the time of the sources in seconds since 1970: %w", err)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// release is one that is being built.
type release struct {
	product
	at time.Time
}

// backendSteps are a step for each platform, and their names.
func (r release) backendSteps() (steps Lane, names []string) {
	for _, platform := range platforms {
		name := "build plugin backend for " + platform
		names = append(names, name)
		steps = append(steps, Step{Name: name, Run: func(context.Context, io.Writer) error { return Backend(platform, r.at) }})
	}
	return steps, names
}

func (r release) frontEndStep() Step {
	return Step{Name: "build front end", Needs: []string{"npm ci"}, Run: func(ctx context.Context, out io.Writer) error {
		return execute(ctx, out, []string{"SOURCE_DATE_EPOCH=" + strconv.FormatInt(r.at.Unix(), 10)}, "npm", "run", "--silent", "build")
	}}
}

// signer is what asks Grafana to sign, and writes its answer as dist/MANIFEST.txt.
const signer = "@grafana/sign-plugin@3.3.3"

// signStep signs dist where the environment has a token to do it with: for everybody, or for the Grafanas that TIDEMARK_SIGN_ROOT_URLS lists.
func signStep() Step {
	return Step{Name: "sign plugin", Needs: []string{"check dist"}, Run: func(ctx context.Context, out io.Writer) error {
		if os.Getenv("GRAFANA_ACCESS_POLICY_TOKEN") == "" {
			_, err := fmt.Fprintln(out, "GRAFANA_ACCESS_POLICY_TOKEN is not set: the plugin stays unsigned")
			return err
		}
		args := []string{"--yes", signer}
		if urls := os.Getenv("TIDEMARK_SIGN_ROOT_URLS"); urls != "" {
			args = append(args, "--rootUrls", urls)
		}
		return execute(ctx, out, nil, "npx", args...)
	}}
}

func (r release) pluginName() string { return r.id + "-" + r.version }

// pluginStep packs dist as Grafana and its catalogue want it: with one folder, which is named by the plugin's id.
func (r release) pluginStep() Step {
	return Step{Name: "pack plugin", Needs: []string{"sign plugin"}, Run: func(_ context.Context, out io.Writer) error {
		isBackend := func(path string) bool { return strings.HasPrefix(path, "gpx_") }
		return pack(out, r.pluginName(), "dist", r.id, r.at, isBackend)
	}}
}

// sidecarStep builds and packs the sidecar for each platform.
func (r release) sidecarStep() Step {
	return Step{Name: "pack tidemark", Run: func(ctx context.Context, out io.Writer) error {
		for _, platform := range platforms {
			name := "tidemark-" + r.version + "-" + strings.ReplaceAll(platform, "/", "-")
			dir := filepath.Join("bin", name)
			if err := os.RemoveAll(dir); err != nil {
				return err
			}
			if err := buildSidecar(ctx, out, platform, filepath.Join(dir, "tidemark"+extension(platform))); err != nil {
				return err
			}
			for _, page := range []string{"LICENSE", "CHANGELOG.md"} {
				content, err := os.ReadFile(page)
				if err != nil {
					return err
				}
				if err := os.WriteFile(filepath.Join(dir, page), content, 0o644); err != nil {
					return err
				}
			}
			isProgram := func(path string) bool { return strings.HasPrefix(path, "tidemark") }
			if err := pack(out, name, dir, name, r.at, isProgram); err != nil {
				return err
			}
		}
		return nil
	}}
}

// pack writes a folder into a zip file of the release.
func pack(out io.Writer, name, dir, top string, at time.Time, executable func(string) bool) (err error) {
	path := filepath.Join(releaseDir, name+".zip")
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() {
		if failure := file.Close(); err == nil {
			err = failure
		}
	}()
	if err := archive.Zip(file, os.DirFS(dir), top, at, executable); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	info, err := file.Stat()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s has %.1f MB\n", path, float64(info.Size())/1e6)
	return err
}

// sumsStep writes SHA-256 sums of all files as sha256sum checks them, and the SHA-1 sum of the plugin, which the catalogue asks for.
func (r release) sumsStep() Step {
	needs := []string{"pack plugin", "pack tidemark", goBill, npmBill}
	return Step{Name: "write sums", Needs: needs, Run: func(_ context.Context, out io.Writer) error {
		paths, err := filepath.Glob(filepath.Join(releaseDir, "*"))
		if err != nil {
			return err
		}
		var sums strings.Builder
		for _, path := range paths {
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			sum := sha256.Sum256(content)
			fmt.Fprintf(&sums, "%s  %s\n", hex.EncodeToString(sum[:]), filepath.Base(path))
			if filepath.Base(path) == r.pluginName()+".zip" {
				old := sha1.Sum(content) // the catalogue asks for it
				if err := os.WriteFile(path+".sha1", []byte(hex.EncodeToString(old[:])+"\n"), 0o644); err != nil {
					return err
				}
			}
		}
		_, _ = io.WriteString(out, sums.String())
		return os.WriteFile(filepath.Join(releaseDir, "SHA256SUMS"), []byte(sums.String()), 0o644)
	}}
}
