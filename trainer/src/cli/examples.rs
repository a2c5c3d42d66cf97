//! Examples at the end of each command's help.

pub const PROGRAM: &str = "\
Examples:
  trainer data                                     fetch MNIST
  trainer lora --data my-digits/                   an adapter from <class name>/* pictures
  trainer sample --lora runs/lora/my-digits:0.8    draw with it
  trainer export --lora runs/lora/my-digits        give it to the page

Exit codes: 0 done, 1 an error, 2 a command line that makes no sense, 130 interrupted.";

pub const DATA: &str = "\
Examples:
  trainer data                              fetch MNIST into data/mnist, check it
  trainer data --sheet mnist.png --style all
  trainer data --dir elsewhere --json";

pub const BASE: &str = "\
Examples:
  trainer base                                        MNIST's digits, into runs/base
  trainer base --data letters/ --out runs/letters     classes of your own, a folder for each
  trainer base --out runs/letters --resume            go on after Ctrl-C
  trainer base --data letters/ --config small         a small network, to try things out";

pub const AUTOENCODER: &str = "\
Examples:
  trainer autoencoder                                     MNIST's digits in ink, 64 x 64 in colour, into runs/autoencoder
  trainer autoencoder --data photographs/ --colour        pictures of your own, as they are
  trainer autoencoder --resume                            go on after Ctrl-C";

pub const RECONSTRUCT: &str = "\
Examples:
  trainer reconstruct                                     test digits in ink, by runs/autoencoder
  trainer reconstruct --count 64 --out sheet.png          each beside its reconstruction
  trainer reconstruct --autoencoder my-pipeline --data photographs/ --json";

pub const LORA: &str = "\
Examples:
  trainer lora --data outline                                 a style, into runs/lora/outline
  trainer lora --data my-digits/ --max-train-steps 300        your own pictures
  trainer lora --data bold,thin --out runs/styles             several, one after the other
  trainer lora --base runs/letters --data my-letters/ --rank 8";

pub const TURBO: &str = "\
Examples:
  trainer turbo                                            four calls, into runs/turbo/turbo-4
  trainer turbo --steps 2 --cache runs/turbo/turbo-4/teacher   two, of the runs that are recorded already
  trainer turbo --lora runs/lora/my-digits --out runs/turbo/mine   for the base with a style on
  trainer sample --lora runs/turbo/turbo-4                 draws with its steps, sampler and spacing";

pub const SAMPLE: &str = "\
Examples:
  trainer sample --label 1,2,3 --count 4 --out samples.png
  trainer sample --lora runs/lora/outline:0.8 --lora www/models/lora/bold:0.5
  trainer sample --filmstrip --out strip.gif
  trainer sample --count 100 --out pictures/        pictures/<class>/<seed>.png";

pub const EVAL: &str = "\
Examples:
  trainer eval --each --lora www/models/lora/outline
  trainer eval --guidance 1,1.5,2 --steps 8,12,20     every combination is a row
  trainer eval --measure accuracy --count 100 --json";

pub const MERGE: &str = "\
Examples:
  trainer merge --lora runs/lora/outline --out runs/merged
  trainer merge --lora a:0.5 --lora b:0.5 --out runs/mixed --precision f16";

pub const EXPORT: &str = "\
Examples:
  trainer export --lora runs/lora/my-digits                             one more style for the page in www
  trainer export --base runs/letters --title Letters --out my-models    another base, elsewhere";

pub const CONVERT: &str = "\
Examples:
  trainer convert --lora runs/lora/outline --to kohya --out outline.safetensors
  trainer convert --lora downloaded.safetensors --to peft --out runs/lora/downloaded
  trainer convert --lora runs/lora/bold:1.12 --to peft --out runs/lora/bolder
  trainer convert --lora loha.safetensors --rank 8 --to diffusers --out runs/lora/plain
  trainer convert --lora a:0.7 --lora b:0.5 --join svd --rank 8 --to peft --out runs/lora/both";

pub const EXTRACT: &str = "\
Examples:
  trainer extract www/models/base runs/merged --rank 8 --out runs/lora/extracted
  trainer extract www/models/base runs/base --rank 16 --to kohya --out extracted.safetensors";

pub const INSPECT: &str = "\
Examples:
  trainer inspect runs/lora/outline
  trainer inspect picture.png
  trainer inspect --json downloaded.safetensors";

pub const COMPLETIONS: &str = "\
Examples:
  trainer completions bash > ~/.local/share/bash-completion/completions/trainer
  trainer completions zsh > ~/.zfunc/_trainer        a folder in $fpath
  trainer completions fish > ~/.config/fish/completions/trainer.fish";

pub const MAN: &str = "\
Examples:
  trainer man lora | man -l -
  trainer man --dir ~/.local/share/man/man1      then `man trainer`, `man trainer-lora`";
