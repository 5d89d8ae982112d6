"""Completion for bash, zsh and fish, of what the command line takes.  What stands is read off the aliases of
links, by which anybody may tell whose they are: no program is started that takes a moment."""

from collections.abc import Iterator
from itertools import chain

from reconciler.cli import help

# `reconciler/PROJECT/NETWORK` of a bridge and `reconciler/PROJECT/SANDBOX/INTERFACE` of a container's link.
# Names alone: bash runs what is in `$()` of a word, and a link that comes back from a sandbox has its alias.
ALIASES = "/sys/class/net/*/ifalias"
STANDING = {
    "projects": r"s,^reconciler/\([a-zA-Z0-9_.-]*\)/.*,\1,p",
    "networks": r"s,^reconciler/[^/]*/\([a-zA-Z0-9_.-]*\)$,\1,p",
    "containers": r"s,^reconciler/[^/]*/\([a-zA-Z0-9_.-]*\)/.*,\1,p",
}
# What stands that the value of an option names, and what is on disk.
NAMES = {
    "--project": ("projects",),
    "--logs": ("containers",),
    "--exec": ("containers",),
    "--from": ("containers",),
    "--resolve": ("containers", "networks"),
    "--explain": ("containers", "networks", "projects"),
    "--scale": ("projects",),
}
ON_DISK = {"FILE": "files", "[FILE]": "files", "DIR": "folders"}


def every() -> Iterator[help.HelpEntry]:
    return chain.from_iterable(chain(help.modes().values(), help.options().values()))


def modes() -> list[str]:
    return [entry.spellings[0] for entries in help.modes().values() for entry in entries]


def taken(entry: help.HelpEntry) -> str:
    """What may be written for its value: `choices`, `projects networks`, `files`, or nothing known."""
    if entry.choices:
        return "choices"
    return " ".join(NAMES.get(entry.spellings[-1], ())) or ON_DISK.get(entry.value, "")


BASH = """\
# bash completion of reconcile(1); made of its command line.

_reconcile_standing() {
    local what
    for what; do
        case $what in
@STANDING@
        esac
    done
}

_reconcile() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words modes='@MODES@' word
    COMPREPLY=()
    if [[ $cur = = ]]; then cur=
    elif [[ $prev = = ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}
    fi
    case $prev in
@VALUES@
    *)
        if [[ $cur != -* ]]; then
            compopt -o filenames 2>/dev/null
            mapfile -t COMPREPLY < <(compgen -f -- "$cur")
            return
        fi
        words='@OPTIONS@'
        for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
            [[ " $modes " != *" $word "* ]] || modes=
        done
        words+=" $modes"
        ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -F _reconcile reconcile
"""


def bash() -> str:
    standing = "\n".join(f"        {what}) {command(what)} ;;" for what in STANDING)
    options = " ".join(
        one for entries in help.options().values() for entry in entries for one in entry.spellings
    )
    values = "\n".join(
        f"    {'|'.join(entry.spellings)}) {of} ;;" for entry in every() if (of := bash_value(entry))
    )
    return filled(BASH, STANDING=standing, MODES=" ".join(modes()), VALUES=values, OPTIONS=options)


def bash_value(entry: help.HelpEntry) -> str:
    match taken(entry):
        case "choices":
            return f"words='{' '.join(entry.choices)}'"
        case "files" | "folders" as kind:
            letter = "f" if kind == "files" else "d"
            files = f'mapfile -t COMPREPLY < <(compgen -{letter} -- "$cur")'
            return f"compopt -o filenames 2>/dev/null; {files}; return"
        case "":
            return "return" if entry.value and not entry.value.startswith("[") else ""
        case names:
            return f'words="$(_reconcile_standing {names})"'


ZSH = """\
#compdef reconcile
# zsh completion of reconcile(1); made of its command line.

_reconcile_standing() {
    local -a found
    local what
    for what; do
        case $what in
@STANDING@
        esac
    done
    compadd -a found
}

_arguments -s : \\
    '(-)'{-h,--help}'[say this]' \\
    '(-)--version[say the version]' \\
@OPTIONS@
    + '(mode)' \\
@MODES@
    '*:path:_files'
"""


def zsh() -> str:
    standing = "\n".join(
        f'        {what}) found+=(${{(f)"$({command(what).replace("/ifalias", "/ifalias(N)")})"}}) ;;'
        for what in STANDING
    )
    own = [entry for entries in help.options().values() for entry in entries if entry.twin]
    named = [entry for entries in help.modes().values() for entry in entries]
    return filled(
        ZSH,
        STANDING=standing,
        OPTIONS="\n".join(f"    {zsh_option(entry)} \\" for entry in own),
        MODES="\n".join(f"    {zsh_option(entry)} \\" for entry in named),
    )


def zsh_option(entry: help.HelpEntry) -> str:
    said = entry.help.replace("'", "’").replace("[", r"\[").replace("]", r"\]").replace(":", r"\:")
    value = f":{entry.value.strip('[]').lower().replace(':', ' ')}:{zsh_value(entry)}" if entry.value else ""
    optional = ":" if value and entry.value == "[N]" else ""
    repeatable = "*" if "(repeatable)" in entry.help else ""
    short, *more = entry.spellings
    if more:  # both at once
        return f"'({' '.join(entry.spellings)})'{{{short},{more[0]}}}'[{said}]{value}'"
    return f"'{repeatable}{short}[{said}]{optional}{value}'"


def zsh_value(entry: help.HelpEntry) -> str:
    match taken(entry):
        case "choices":
            return f"({' '.join(entry.choices)})"
        case "files":
            return "_files"
        case "folders":
            return "_files -/"
        case "":
            return ""
        case names:
            return f"_reconcile_standing {names}"


FISH = """\
# fish completion of reconcile(1); made of its command line.

function __reconcile_standing
    for what in $argv
        switch $what
@STANDING@
        end
    end
end

function __reconcile_no_mode
    not __fish_contains_opt @MODES@
end

@ENTRIES@
"""


def fish() -> str:
    standing = "\n".join(
        f"            case {what}\n                set -l files {ALIASES}\n"
        f"                test -n \"$files\"; and sed -n '{STANDING[what]}' $files 2>/dev/null | sort -u"
        for what in STANDING
    )
    names = [name.removeprefix("--") for name in modes()]
    lines = "\n".join(fish_option(entry, names) for entry in every())
    return filled(FISH, STANDING=standing, MODES=" ".join(names), ENTRIES=lines)


def fish_option(entry: help.HelpEntry, names: list[str]) -> str:
    long = entry.spellings[-1].removeprefix("--")
    short = f" -s {entry.spellings[0][1]}" if len(entry.spellings) > 1 else ""
    # One that takes a value is on the line already when that is asked for.
    once = " -n __reconcile_no_mode" if long in names and not entry.value else ""
    said = entry.help.replace("\\", "\\\\").replace("'", "\\'")
    return f"complete -c reconcile{once}{short} -l {long}{fish_value(entry)} -d '{said}'"


def fish_value(entry: help.HelpEntry) -> str:
    match taken(entry):
        case "choices":
            return f" -x -a '{' '.join(entry.choices)}'"
        case "files":
            return " -r -F"
        case "folders":
            return " -x -a '(__fish_complete_directories)'"
        case "":
            return " -x" if entry.value and not entry.value.startswith("[") else ""
        case names:
            return f" -x -a '(__reconcile_standing {names})'"


def command(what: str) -> str:
    return f"sed -n '{STANDING[what]}' {ALIASES} 2>/dev/null | sort -u"


def filled(text: str, **parts: str) -> str:
    for name, part in parts.items():
        text = text.replace(f"@{name}@", part)
    return text


def completions() -> dict[str, str]:
    """Each by its place below share/."""
    return {
        "bash-completion/completions/reconcile": bash(),
        "zsh/site-functions/_reconcile": zsh(),
        "fish/vendor_completions.d/reconcile.fish": fish(),
    }
