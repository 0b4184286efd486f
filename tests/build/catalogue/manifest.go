package catalogue

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// manifest is the part of plugin.json that Grafana or its catalogue refuses or misses something by.
type manifest struct {
	ID, Type, Name, Executable string
	Backend, Alerting          bool
	Info                       info
	Includes                   []struct{ Type, Name, Path string }
	Dependencies               struct{ GrafanaDependency string }
}

type info struct {
	Description      string
	Version, Updated string
	Author           struct{ Name, URL string }
	Keywords         []string
	Links            []struct{ Name, URL string }
	Logos            struct{ Small, Large string }
	Screenshots      []struct{ Name, Path string }
}

// maxDescription is how many characters of a description the catalogue's list shows.
const maxDescription = 120

var (
	// idForm is that of the catalogue: organization, name, type.
	idForm      = regexp.MustCompile(`^[a-z0-9]+-[a-z0-9]+(-[a-z0-9]+)*-datasource$`)
	versionForm = regexp.MustCompile(`^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`)
	dayForm     = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)
	// openRange leaves later releases of Grafana in: a plugin for one release only is of no use to most.
	openRange = regexp.MustCompile(`^>=\d+\.\d+\.\d+(-\w+)?$`)
)

func (m manifest) check() (problems []error) {
	for _, field := range []struct {
		name, value string
		allowed     *regexp.Regexp
	}{
		{"id", m.ID, idForm},
		{"type", m.Type, regexp.MustCompile(`^datasource$`)},
		{"name", m.Name, regexp.MustCompile(`\S`)},
		{"executable", m.Executable, regexp.MustCompile(`^gpx_\w+$`)},
		{"info.version", m.Info.Version, versionForm},
		{"info.updated", m.Info.Updated, dayForm},
		{"info.author.name", m.Info.Author.Name, regexp.MustCompile(`\S`)},
		{"info.description", m.Info.Description, regexp.MustCompile(fmt.Sprintf(`^\S.{19,%d}$`, maxDescription-1))},
		{"dependencies.grafanaDependency", m.Dependencies.GrafanaDependency, openRange},
	} {
		if !field.allowed.MatchString(field.value) {
			problems = append(problems, fmt.Errorf("plugin.json: %s is %q, which does not match %s", field.name, field.value, field.allowed))
		}
	}
	return append(problems, m.checkLists()...)
}

func (m manifest) checkLists() (problems []error) {
	complain := func(format string, args ...any) {
		problems = append(problems, fmt.Errorf("plugin.json: "+format, args...))
	}
	if m.ID == m.Name {
		complain("name is the id: people are to read it")
	}
	if m.Alerting && !m.Backend {
		complain("alerting needs a backend")
	}
	if len(m.Info.Keywords) == 0 {
		complain("info.keywords is empty: nobody finds the plugin")
	}
	if len(m.Info.Screenshots) == 0 {
		complain("info.screenshots is empty")
	}
	for _, screenshot := range m.Info.Screenshots {
		if strings.TrimSpace(screenshot.Name) == "" {
			complain("the screenshot %s has no name", screenshot.Path)
		}
	}
	for _, include := range m.Includes {
		if include.Name == "" || include.Type == "" {
			complain("of includes, %s has no name or no type", include.Path)
		}
	}
	if len(m.Info.Links) == 0 {
		complain("info.links is empty")
	}
	for _, link := range append(m.Info.Links, struct{ Name, URL string }{"author", m.Info.Author.URL}) {
		if u, err := url.Parse(link.URL); err != nil || u.Scheme != "https" || u.Host == "" || link.Name == "" {
			complain("the link %q to %q has no name, or no address that begins with https", link.Name, link.URL)
		}
	}
	return problems
}
