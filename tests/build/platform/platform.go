// Package platform holds the targets build:linux and so on: the plugin's backend for one platform, under the names that
// Grafana's own plugins use.
package platform

import (
	"runtime"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/build"

	ours "github.com/tidemark/tidemark/tests/build"
)

// Backend builds the plugin's backend for this platform.
func Backend() error { return ours.Backend(runtime.GOOS+"/"+runtime.GOARCH, time.Now()) }

// Linux builds the plugin's backend for Linux on x86-64.
func Linux() error { return ours.Backend("linux/amd64", time.Now()) }

// LinuxARM64 builds the plugin's backend for Linux on ARM64.
func LinuxARM64() error { return ours.Backend("linux/arm64", time.Now()) }

// Darwin builds the plugin's backend for macOS on x86-64.
func Darwin() error { return ours.Backend("darwin/amd64", time.Now()) }

// DarwinARM64 builds the plugin's backend for macOS on ARM64.
func DarwinARM64() error { return ours.Backend("darwin/arm64", time.Now()) }

// Windows builds the plugin's backend for Windows on x86-64.
func Windows() error { return ours.Backend("windows/amd64", time.Now()) }

// WindowsARM64 builds the plugin's backend for Windows on ARM64.
func WindowsARM64() error { return ours.Backend("windows/arm64", time.Now()) }

// Debug builds the plugin's backend for this platform with all that a debugger needs.
func Debug() error { return build.Build{}.Debug() }
