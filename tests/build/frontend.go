package build

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
)

// installed holds the hash of the files that node_modules was installed from.
const installed = "node_modules/.tidemark-installed"

// installModules runs npm ci, unless the last one was for the same package.json and lock file.
func installModules(ctx context.Context, out io.Writer) error {
	wanted, err := hashFiles("package.json", "package-lock.json")
	if err != nil {
		return fmt.Errorf("read what npm is to install: %w", err)
	}
	if found, err := os.ReadFile(installed); err == nil && string(found) == wanted {
		_, err := fmt.Fprintln(out, "node_modules is in step with package-lock.json")
		return err
	}
	if err := execute(ctx, out, nil, "npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"); err != nil {
		return err
	}
	return os.WriteFile(installed, []byte(wanted), 0o600)
}

func hashFiles(paths ...string) (string, error) {
	hash := sha256.New()
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		_, _ = fmt.Fprintf(hash, "%s %d\n", path, len(content))
		_, _ = hash.Write(content)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

func modulesStep() Step { return Step{Name: "npm ci", Run: installModules} }

// npmStep runs a script of package.json's.
func npmStep(name, script string) Step {
	return Step{Name: name, Needs: []string{"npm ci"}, Run: command("npm", "run", "--silent", script)}
}
