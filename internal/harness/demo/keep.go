package demo

import (
	"os"
	"path/filepath"
)

// howToPlay tells what goes on running, and how to play with it.
func (s *story) howToPlay() {
	s.chapter("Yours to play with")
	s.say("The agent, Nginx, the registry and the containers go on running. Open these, the first one in a browser:")
	s.table([][2]string{
		{s.URL() + "/web/", "the app's page, through Nginx"},
		{s.URL() + "/", "its API"},
		{"http://" + s.Config().Listen + "/api/v1/apps", "what the agent knows"},
	})
	s.say("Deploy something. The registry has the tags %s, %s, %s (broken), %s and %s:", first, bump, broken, repaired, last)
	s.command("cd " + s.Work)
	s.command("sed -i 's/^tag: .*/tag: \"" + bump + "\"/' " + s.App + "/tandem.yaml")
	s.command("git commit -am 'Deploy " + bump + "' && git push")
	s.command("git revert --no-edit HEAD && git push")
	s.print("\n")
	s.say("Watch it, ask what would be done, read the log:")
	s.command(s.program + " status --watch --listen " + s.Config().Listen)
	s.command(s.program + " plan --config " + s.configPath())
	s.command("tail -f " + filepath.Clean(s.log.Path))
	s.print("\n")
	s.say("Remove everything, when you have seen enough:")
	s.command(remover() + " -remove " + s.Dir)
}

// remover is the program that takes down a demo: this one.
func remover() string {
	own, err := os.Executable()
	if err != nil {
		return "tandem-demo"
	}
	return own
}
