package compose_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	moby "github.com/moby/moby/client"

	"tandem/compose"
	"tandem/internal/harness/testbed/tb"
	"tandem/reconciler/deploy"
)

// TestUp_ThingsOfOthersNeedAWordOfTheHost asks for what the engine has already, in ways
// that the file alone does not give away.
func TestUp_ThingsOfOthersNeedAWordOfTheHost(t *testing.T) {
	for name, c := range map[string]struct {
		stack, shared string
		rejected      bool // by what the engine made of it; else the file is refused
	}{
		"a network":                 {stack: "networks: {default: {name: NETWORK, external: true}}\n"},
		"a volume":                  {stack: "    volumes: ['vol:/x']\nvolumes: {vol: {name: VOLUME, external: true}}\n"},
		"the mode":                  {stack: "    network_mode: NETWORK\n"},
		"a link to a container":     {stack: "    external_links: ['CONTAINER:x']\n"},
		"a container's network":     {stack: "    network_mode: 'container:CONTAINER'\n"},
		"the other color's network": {stack: "networks: {default: {name: GREEN_default, external: true}}\n"},
		"a volume that is not said to be external":  {shared: "    volumes: ['vol:/x']\nvolumes: {vol: {name: VOLUME}}\n", rejected: true},
		"a network that is not said to be external": {shared: "networks: {default: {name: NETWORK}}\n", rejected: true},
		"a volume of the app's that shows the host": {shared: "    volumes: ['vol:/x']\nvolumes: {vol: {name: SHOWN}}\n", rejected: true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, "others", noPolicy)
			of := tb.ForeignThings(t, b.engine, b.app, b.image+":1")
			fill := strings.NewReplacer("NETWORK", of.Network, "VOLUME", of.Volume, "CONTAINER", of.Container, "GREEN", b.app.Project(deploy.Green), "SHOWN", of.Shown)
			b.runs(b.image+":1", fill.Replace(c.stack))
			if c.shared != "" {
				b.app.Shared = "compose.shared.yaml"
				b.write(b.app.Shared, "services:\n  db:\n    image: IMAGE:1\n    command: [wait]\n"+fill.Replace(c.shared))
			}
			release, err := b.client.Resolve(t.Context(), b.app)
			if _, refused := deploy.AsFaults(err); refused != !c.rejected {
				t.Fatalf("the file: %v", err)
			}
			if !c.rejected {
				return
			}
			b.app.Release = release
			wantRejected(t, b.client.Up(t.Context(), b.app, deploy.Blue, nil), deploy.CannotStart, "policy.allow")
		})
	}
}

// TestUp_ThingsThatAreSetAsideForTheAppAreFree takes the two words that a host can say.
func TestUp_ThingsThatAreSetAsideForTheAppAreFree(t *testing.T) {
	labelled := newBed(t, "labelled", noPolicy)
	named := newSerialBed(t, "named", func(o *compose.Options) { o.Policy = []string{"external:ct-named-net", "external:ct-named-vol"} })
	for _, b := range []*bed{labelled, named} {
		net, vol, labels := "ct-named-net", "ct-named-vol", map[string]string(nil)
		if b == labelled {
			net, vol, labels = b.app.Name+"-net", b.app.Name+"-vol", map[string]string{"dev.tandem.app": b.app.Name}
		}
		raw := b.client.SDKEngine()
		if _, err := raw.NetworkCreate(t.Context(), net, moby.NetworkCreateOptions{Labels: labels}); err != nil {
			t.Fatal(err)
		}
		if _, err := raw.VolumeCreate(t.Context(), moby.VolumeCreateOptions{Name: vol, Labels: labels}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			ctx := context.WithoutCancel(b.t.Context())
			err := b.engine.RemoveProject(ctx, b.app.Project(deploy.Blue))
			_, netErr := raw.NetworkRemove(ctx, net, moby.NetworkRemoveOptions{})
			_, volErr := raw.VolumeRemove(ctx, vol, moby.VolumeRemoveOptions{})
			if err := errors.Join(err, netErr, volErr); err != nil {
				t.Error(err)
			}
		})
		b.runs(b.image+":1", "    volumes: ['vol:/x']\nvolumes: {vol: {name: "+vol+", external: true}}\nnetworks: {default: {name: "+net+", external: true}}\n")
		b.up(deploy.Blue)
		b.answers(deploy.Blue, "1 blue")
	}
}

// TestUp_WhatRunsIsNotTakenAwayForAThingOfOthers changes a shared service so that it would
// have the volume of somebody else.
func TestUp_WhatRunsIsNotTakenAwayForAThingOfOthers(t *testing.T) {
	b := newBed(t, "keepdb")
	of := tb.ForeignThings(t, b.engine, b.app, b.image+":1")
	b.app.Shared = "compose.shared.yaml"
	b.write(b.app.Shared, "services: {db: {image: 'IMAGE:1', command: [wait], volumes: ['vol:/x'], network_mode: none}}\nvolumes: {vol: }\n")
	b.runs(b.image+":1", "    network_mode: bridge\n")
	b.up(deploy.Blue)
	before := b.shared()
	b.write(b.app.Shared, "services: {db: {image: 'IMAGE:1', command: [wait, more], volumes: ['vol:/x'], network_mode: none}}\nvolumes: {vol: {name: "+of.Volume+"}}\n")
	b.move()
	wantRejected(t, b.attempt(), deploy.CannotStart, of.Volume, "policy.allow")
	if after := b.shared(); len(before) != 1 || after["db"] != before["db"] {
		t.Errorf("the shared stack was %v, is %v", before, after)
	}
}
