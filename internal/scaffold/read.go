package scaffold

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/consts"
	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/sirupsen/logrus"
	"go.yaml.in/yaml/v4"

	"tandem/reconciler/deploy"
)

// Source is what Read found in a directory.
type Source struct {
	Dir     string         // absolute
	Files   []string       // the Compose files, relative to Dir; later ones win
	Named   bool           // Files are not those that would be found without being named
	Project *types.Project // all services, those of every profile too; paths are as they are written
	Name    string         // that the file itself gives its project; "": none
	Active  []string       // profiles that COMPOSE_PROFILES of the .env file makes active
	Unset   []Unset        // variables without a value
	Tracked func(string) bool
	Running Running // what the host has of the app; set by Run

	env  types.Mapping // of the .env file
	raw  map[string]rawService
	uses map[string][]string // variable without a value -> services
}

// ErrNoComposeFile says that there is nothing to begin with.
var ErrNoComposeFile = errors.New("there is no Compose file")

// Read loads the Compose files of a directory: the named ones, or those that COMPOSE_FILE of
// the .env file names, or the first of Compose's own names. Variables come from the .env
// file alone, because the host that deploys has another environment than this shell.
func Read(ctx context.Context, dir string, named []string) (*Source, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	s := &Source{Dir: dir, Files: named, Named: len(named) > 0}
	if s.env, err = readDotenv(dir); err != nil {
		return nil, err
	}
	for name := range strings.SplitSeq(s.env[consts.ComposeProfiles], ",") {
		if name = strings.TrimSpace(name); name != "" {
			s.Active = append(s.Active, name)
		}
	}
	if err := s.find(); err != nil {
		return nil, err
	}
	if s.Tracked, err = trackedIn(dir); err != nil {
		return nil, err
	}
	return s, s.load(ctx)
}

func readDotenv(dir string) (types.Mapping, error) {
	data, err := os.ReadFile(filepath.Join(dir, ".env"))
	if errors.Is(err, fs.ErrNotExist) {
		return types.Mapping{}, nil
	}
	if err != nil {
		return nil, err
	}
	vars, err := dotenv.UnmarshalBytesWithLookup(data, func(string) (string, bool) { return "", false })
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", filepath.Join(dir, ".env"), err)
	}
	return vars, nil
}

// find fills in which files are read.
func (s *Source) find() error {
	if separated := s.env[consts.ComposeFilePath]; !s.Named && separated != "" {
		separator := s.env[consts.ComposePathSeparator]
		if separator == "" {
			separator = ":"
		}
		s.Files, s.Named = strings.Split(separated, separator), true
	}
	if !s.Named {
		for _, name := range cli.DefaultFileNames {
			if _, err := os.Stat(filepath.Join(s.Dir, name)); err == nil {
				s.Files = []string{name}
				return nil
			}
		}
		return fmt.Errorf("%w in %s: name yours with --compose FILE; it may have any of the names %s", ErrNoComposeFile, s.Dir, strings.Join(deploy.ComposeNames(), ", "))
	}
	for i, name := range s.Files {
		full := name
		if !filepath.IsAbs(full) {
			full = filepath.Join(s.Dir, name)
		}
		if _, err := os.Stat(full); err != nil {
			return fmt.Errorf("read the Compose file: %w", err)
		}
		inside, err := filepath.Rel(s.Dir, full)
		if err != nil || !filepath.IsLocal(inside) {
			return fmt.Errorf("%s is outside %s: tandem deploys what is in the app's directory; run init there, or name a file in it", name, s.Dir)
		}
		s.Files[i] = filepath.ToSlash(inside)
	}
	return nil
}

// load makes one project of the files.
func (s *Source) load(ctx context.Context) error {
	details := types.ConfigDetails{WorkingDir: s.Dir, Environment: maps.Clone(s.env)}
	s.raw, s.uses = map[string]rawService{}, map[string][]string{}
	for _, name := range s.Files {
		full := filepath.Join(s.Dir, name)
		data, err := os.ReadFile(full)
		if err != nil {
			return err
		}
		details.ConfigFiles = append(details.ConfigFiles, types.ConfigFile{Filename: full, Content: data})
		var doc map[string]any
		if err := yaml.Unmarshal(data, &doc); err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		if text, ok := doc["name"].(string); ok {
			s.Name = text
		}
		s.Unset = append(s.Unset, unsetIn(doc, name, data, s.env)...)
		for variable, services := range usesOf(doc, s.env) {
			s.uses[variable] = append(s.uses[variable], services...)
		}
		if err := readRaw(s.raw, data); err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
	}
	s.Unset = mergeUnset(s.Unset)
	maps.Copy(details.Environment, standIns(s.Dir, s.Unset))
	// The library warns of what does no harm, such as the word version:.
	logrus.SetOutput(io.Discard)
	project, err := loader.LoadWithContext(ctx, details, func(o *loader.Options) {
		o.SetProjectName("init", true)
		o.Profiles = []string{"*"}
		o.SkipConsistencyCheck, o.SkipResolveEnvironment, o.SkipResolveLabels = true, true, true
		o.ResolvePaths = false
	})
	if err != nil {
		return fmt.Errorf("read %s: %w", strings.Join(s.Files, ", "), err)
	}
	s.Project = project
	return nil
}

// rawService is what the files say about a service before variables are filled in.
type rawService struct {
	order int      // in which it stands in the files
	image string   // as it is written, with its variables
	binds []string // mounts as they are written: the short form, or the source of the long one with the target
}

func readRaw(all map[string]rawService, data []byte) error {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return err
	}
	services := valueOf(&doc, "services")
	if services == nil {
		return nil
	}
	for i := 0; i+1 < len(services.Content); i += 2 {
		name := services.Content[i].Value
		raw, known := all[name]
		if !known {
			raw.order = len(all)
		}
		if image := valueOf(services.Content[i+1], "image"); image != nil {
			raw.image = image.Value
		}
		if volumes := valueOf(services.Content[i+1], "volumes"); volumes != nil {
			for _, item := range volumes.Content {
				source, target := valueOf(item, "source"), valueOf(item, "target")
				if source != nil && target != nil {
					raw.binds = append(raw.binds, source.Value+":"+target.Value)
				} else {
					raw.binds = append(raw.binds, item.Value)
				}
			}
		}
		all[name] = raw
	}
	return nil
}

// written is the source of a mount in the words of the file, where a variable without a
// value is in them; else "".
func (r rawService) written(target string, env types.Mapping) string {
	for _, text := range r.binds {
		source, rest, ok := strings.Cut(text, ":"+target)
		if ok && (rest == "" || rest[0] == ':') && len(unsetNames(source, env)) > 0 {
			return source
		}
	}
	return ""
}

// valueOf is what stands at a key of a mapping, also where it is merged into it.
func valueOf(n *yaml.Node, key string) *yaml.Node {
	if n.Kind == yaml.DocumentNode && len(n.Content) > 0 {
		n = n.Content[0]
	}
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind != yaml.MappingNode {
		return nil
	}
	var merged *yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		switch n.Content[i].Value {
		case key:
			return n.Content[i+1]
		case "<<":
			merged = n.Content[i+1]
		}
	}
	if merged == nil {
		return nil
	}
	return valueOf(merged, key)
}
