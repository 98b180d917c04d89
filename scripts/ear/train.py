#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Teaches the ear what YAMNet hears, on mixtures made anew for every step.

    train.py --teacher yamnet.safetensors --packs DIR --out DIR --minutes M [--device cuda]

The teacher is YAMNet as `tyto model import` writes it, with its front end; DIR holds the packs of
collect.py. The schedule is keyed to the clock: --minutes of training, whatever the machine does in
them. Every minute the averaged weights go to OUT/ear.pt, the course to OUT/log.txt."""
import argparse
import copy
import glob
import math
import os
import time

import numpy as np
import torch
import torch.nn.functional as F

import encoder_file
import mixtures
import soundpack
import student

START = time.time()


class Log:
    def __init__(self, path):
        self.path = path

    def __call__(self, *words):
        text = f"{time.time() - START:7.1f} " + " ".join(str(w) for w in words)
        print(text, flush=True)
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(text + "\n")


class Teacher:
    """In half precision on a GPU; log-mel always in float."""

    def __init__(self, args, device):
        self.net = encoder_file.Encoder(args.teacher).to(device)
        self.run = self.fast = self.net
        self.kind = torch.float16 if device.type == "cuda" else torch.float32
        if device.type == "cuda":
            self.run = copy.deepcopy(self.net).half()
            if args.channels_last:
                self.run = self.run.to(memory_format=torch.channels_last)
            self.fast = torch.compile(self.run) if args.compile else self.run

    @torch.no_grad()
    def __call__(self, mel, steady=False):
        """steady: always of the same batch size, so that compiling pays"""
        logits, embedding = (self.fast if steady else self.run)(mel.to(self.kind), logits=True)
        logits = logits.float().nan_to_num(-10.0).clamp(-30, 30)
        return logits, embedding.float().nan_to_num(0.0).clamp(0, 100)


@torch.no_grad()
def labels_of(bank, teacher, batch):
    """The teacher's scores (recordings, 521): mean over three random crops of each."""
    num = len(bank.lengths)
    total = torch.zeros(num, student.CLASSES)
    for _ in range(3):
        for at in range(0, num, batch):
            which = torch.arange(at, at + batch, device=bank.flat.device) % num
            mel = teacher.net.log_mel(mixtures.plain(bank, which))
            own = min(batch, num - at)
            total[at:at + own] += torch.sigmoid(teacher(mel)[0])[:own].cpu() / 3
    return total


def weights_of(scores, seconds, is_data, share):
    """Recordings are drawn by the root of how rare what the teacher hears in them is, more often
    when long; `share` of all draws go to the data sets, the rest to the packages."""
    top = scores.topk(3, 1)
    soft = torch.zeros_like(scores).scatter_(1, top.indices, top.values + 0.02)
    soft = soft / soft.sum(1, keepdim=True)
    often = (soft * seconds[:, None]).sum(0)
    rare = (soft / (often + 20).sqrt()).sum(1)
    weights = rare * seconds.clamp(0.5, 10).sqrt()
    for mask, part in ((is_data, share), (~is_data, 1 - share)):
        if mask.any():
            weights[mask] *= part / weights[mask].sum()
    return weights


def losses(out, logits, embedding, deviation):
    """out: of the student. Scores by cross entropy and by log-odds, the embedding by regression
    in units of its deviation, and by which mixture of the batch it belongs to."""
    _, _, own, guess = out
    own, guess = own.float(), guess.float()
    target = torch.sigmoid(logits)
    entropy = F.binary_cross_entropy_with_logits(own, target, reduction="none").sum(1).mean()
    odds = (F.smooth_l1_loss(own.clamp(-9, 9), logits.clamp(-9, 9), reduction="none") *
            (0.15 + target)).sum(1).mean()
    wanted = embedding / deviation
    regress = F.smooth_l1_loss(guess, wanted, reduction="none").mean()
    a = F.normalize(guess - wanted.mean(0), dim=1)
    b = F.normalize(wanted - wanted.mean(0), dim=1)
    pairs = a @ b.t() / 0.07
    belongs = F.cross_entropy(pairs, torch.arange(len(a), device=a.device))
    return entropy, odds, regress, belongs


WEIGHTS = (0.25, 0.015, 12.0, 0.2)


class Validation:
    """Fixed mixtures of recordings that are never trained on."""

    def __init__(self, bank, teacher, num, batch):
        state = torch.get_rng_state()
        torch.manual_seed(99)
        self.batch, self.mels, self.logits, self.embeddings = batch, [], [], []
        for _ in range(num // batch):
            mel = teacher.net.log_mel(mixtures.mix(bank, batch))
            logits, embedding = teacher(mel)
            self.mels.append(mel)
            self.logits.append(logits)
            self.embeddings.append(embedding)
        torch.set_rng_state(state)

    @torch.no_grad()
    def __call__(self, model, deviation):
        model.eval()
        own, guess = [], []
        for mel in self.mels:
            with torch.autocast(mel.device.type, torch.bfloat16, enabled=mel.is_cuda):
                _, _, scores, embedding = model(mel)
            own.append(scores.float())
            guess.append(embedding.float())
        own, guess = torch.cat(own), torch.cat(guess)
        logits, wanted = torch.cat(self.logits), torch.cat(self.embeddings) / deviation
        top = logits.argmax(1)
        agrees = (own.argmax(1) == top).float().mean().item()
        among = (own.topk(5, 1).indices == top[:, None]).any(1).float().mean().item()
        odds = torch.corrcoef(torch.stack([own.flatten(), logits.flatten()]))[0, 1].item()
        explained = 1 - ((guess - wanted).square().sum() /
                         (wanted - wanted.mean(0)).square().sum()).item()
        return f"top {agrees:.3f} in five {among:.3f} log-odds {odds:.3f} explained {explained:.3f}"


class Average:
    """Exponential average of weights and batch statistics; short at first."""

    def __init__(self, model, decay):
        self.model, self.decay, self.steps = copy.deepcopy(model), decay, 0
        self.model.requires_grad_(False)

    @torch.no_grad()
    def update(self, model):
        self.steps += 1
        keep = min(self.decay, (1 + self.steps) / (10 + self.steps))
        old = [x for x in self.model.state_dict().values() if x.is_floating_point()]
        new = [x.detach() for x in model.state_dict().values() if x.is_floating_point()]
        torch._foreach_mul_(old, keep)
        torch._foreach_add_(old, new, alpha=1 - keep)


def groups_of(model, decay):
    plain = [p for p in model.parameters() if p.dim() < 2]
    matrices = [p for p in model.parameters() if p.dim() >= 2]
    return [{"params": matrices, "weight_decay": decay}, {"params": plain, "weight_decay": 0.0}]


class Trainer:
    def __init__(self, args, sound, teacher, log):
        self.args, self.sound, self.teacher, self.log = args, sound, teacher, log
        self.device = sound.device
        self.cuda = self.device.type == "cuda"
        model = student.Ear(args.shape).to(self.device)
        if args.init:
            model.load_state_dict(torch.load(args.init, map_location=self.device)["model"])
        if self.cuda and args.channels_last:
            model = model.to(memory_format=torch.channels_last)
        self.model, self.average = model, Average(model, args.average)
        self.run = torch.compile(model) if args.compile else model
        self.opt = torch.optim.AdamW(groups_of(model, 0.02), lr=1e-4, betas=(0.9, 0.98),
                                     **({"fused": True} if self.cuda else {}))
        embeddings = []
        for _ in range(max(1, 4096 // args.batch)):
            embeddings.append(self.batch()[2])
        self.deviation = torch.cat(embeddings).std(0) + 0.01

    @torch.no_grad()
    def batch(self):
        mel = self.teacher.net.log_mel(mixtures.mix(self.sound.bank, self.args.batch)).nan_to_num(-6.9)
        logits, embedding = self.teacher(mel, steady=True)
        return mel, logits, embedding

    def rate(self, share):
        warm = 0.04
        if share < warm:
            return self.args.rate * max(share / warm, 0.01)
        return self.args.rate * (0.5 + 0.5 * math.cos(math.pi * (share - warm) / (1 - warm))) + 1e-6

    def step(self, share):
        mel, logits, embedding = self.batch()
        for group in self.opt.param_groups:
            group["lr"] = self.rate(min(share, 1.0))
        self.model.train()
        if self.cuda:
            with torch.autocast("cuda", torch.bfloat16):
                out = self.run(mel)
        else:
            out = self.run(mel)
        parts = losses(out, logits, embedding, self.deviation)
        loss = sum(w * p for w, p in zip(WEIGHTS, parts))
        self.opt.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.opt.step()
        self.average.update(self.model)
        return parts

    def save(self, path):
        state = {k: v.cpu() for k, v in self.average.model.state_dict().items()}
        torch.save({"model": state, "shape": self.args.shape, "steps": self.average.steps,
                    "deviation": self.deviation.cpu()}, path + ".tmp")
        os.replace(path + ".tmp", path)

    def train(self, validation):
        seconds, begin, told, steps = self.args.minutes * 60, time.time(), time.time(), 0
        sums = None
        while time.time() - begin < seconds:
            parts = self.step((time.time() - begin) / seconds)
            steps += 1
            values = torch.stack([p.detach() for p in parts])
            sums = values if sums is None else sums * 0.98 + values * 0.02
            if steps % 10 == 0 and self.cuda:
                torch.cuda.synchronize()
            if steps in (3, 30) or time.time() - told > self.args.every:
                told = time.time()
                course = " ".join(f"{v:.3f}" for v in sums.tolist())
                self.log(f"step {steps} of {self.args.batch}, "
                         f"{steps * self.args.batch / (told - begin):.0f}/s, losses {course},",
                         validation(self.average.model, self.deviation))
                self.save(self.args.out + "/ear.pt")
            if steps % 20 == 0 and self.args.watch:
                self.sound.grow()
        self.save(self.args.out + "/ear.pt")
        self.log(f"end: step {steps}, {steps * self.args.batch / 1e6:.2f} M mixtures,",
                 validation(self.average.model, self.deviation))


def load(path, args):
    """The recordings of a pack, decoded now or before."""
    done = path[:-5] + ".npz"
    if os.path.isfile(done):
        with np.load(done) as file:
            flat, lengths = file["flat"], file["lengths"]
        ends = np.cumsum(lengths)
        return [flat[e - n:e] for e, n in zip(ends, lengths)]
    return [x for _, _, x in soundpack.read_pcm([path], args.opus, args.processes)]


class Sound:
    """The packs that are trained on; with --watch, those that come later too."""

    def __init__(self, args, teacher, device, log):
        self.args, self.teacher, self.device, self.log = args, teacher, device, log
        self.known, self.banks, self.scores, self.is_data = set(), [], [], []
        self.bank = None

    def grow(self):
        new = [p for d in self.args.packs for p in sorted(glob.glob(d + "/sound.*.pack"))
               if ".val." not in p and p not in self.known]
        if self.args.watch:
            new = [p for p in new if os.path.isfile(p[:-5] + ".npz")]
        for path in new:
            self.known.add(path)
            bank = mixtures.Bank(load(path, self.args), self.device)
            self.banks.append(bank)
            self.scores.append(labels_of(bank, self.teacher, self.args.batch))
            self.is_data.append(torch.full((len(bank.lengths),), ".data." in path))
        if not new:
            return
        self.bank = mixtures.joined(self.banks)
        scores, is_data = torch.cat(self.scores), torch.cat(self.is_data)
        seconds = self.bank.lengths.cpu().float() / mixtures.RATE
        weights = weights_of(scores, seconds, is_data, self.args.data_share)
        self.bank.set_weights(weights)
        heard = (weights[:, None] / weights.sum() * scores).sum(0)
        self.log(f"{len(seconds)} recordings, {seconds.sum() / 3600:.2f} h; heard most:",
                 heard.topk(12).indices.tolist())


def bench(trainer, log, steps=16):
    """Mixtures a second, and the share of each part."""
    def wait():
        if trainer.cuda:
            torch.cuda.synchronize()
        return time.time()
    trainer.step(0.0)
    trainer.step(0.0)
    begin = wait()
    for _ in range(steps):
        trainer.step(0.0)
    whole = wait() - begin
    for _ in range(steps):
        x = mixtures.mix(trainer.sound.bank, trainer.args.batch)
    mixing = wait() - begin - whole
    for _ in range(steps):
        mel = trainer.teacher.net.log_mel(x)
    hearing = wait() - begin - whole - mixing
    for _ in range(steps):
        trainer.teacher(mel, steady=True)
    teaching = wait() - begin - whole - mixing - hearing
    log(f"bench: channels_last {trainer.args.channels_last} compile {trainer.args.compile} batch "
        f"{trainer.args.batch}: {steps * trainer.args.batch / whole:.0f} mixtures/s, ms a step: all "
        f"{1000 * whole / steps:.1f}, mixing {1000 * mixing / steps:.1f}, log-mel "
        f"{1000 * hearing / steps:.1f}, teacher {1000 * teaching / steps:.1f}")


def parse():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--teacher", required=True)
    parser.add_argument("--packs", required=True, action="append")
    parser.add_argument("--out", required=True)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--shape", default="wide", choices=sorted(student.SHAPES))
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--rate", type=float, default=4e-3)
    parser.add_argument("--average", type=float, default=0.998)
    parser.add_argument("--data-share", type=float, default=0.55)
    parser.add_argument("--every", type=float, default=30, help="seconds between reports")
    parser.add_argument("--init", help="ear.pt to go on from")
    parser.add_argument("--compile", type=int, default=0)
    parser.add_argument("--channels-last", type=int, default=1)
    parser.add_argument("--opus", default="libopus.so.0")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--watch", action="store_true", help="take packs that are decoded later too")
    parser.add_argument("--bench", action="store_true", help="time the ways to run, and end")
    return parser.parse_args()


def main():
    args = parse()
    os.makedirs(args.out, exist_ok=True)
    log, device = Log(args.out + "/log.txt"), torch.device(args.device)
    torch.manual_seed(1)
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True
        torch.backends.cudnn.benchmark_limit = 4
        torch.backends.cuda.matmul.allow_tf32 = False
    teacher = Teacher(args, device)
    sound = Sound(args, teacher, device, log)
    sound.grow()
    held = [p for d in args.packs for p in sorted(glob.glob(d + "/sound.val.*.pack"))]
    if not sound.bank:
        raise SystemExit("no packs: run collect.py first")
    trainer = Trainer(args, sound, teacher, log)
    shipped, macs = student.cost(student.Ear(args.shape))
    log(f"{shipped} parameters, {macs / 1e6:.1f} M multiply-accumulates, {args}")
    if args.bench:
        bench(trainer, log)
        return
    kept_apart = sound.bank
    if held:
        kept_apart = mixtures.Bank([x for p in held for x in load(p, args)], device)
    else:
        log("no sound.val.*.pack: the reports are of mixtures of what is trained on")
    trainer.train(Validation(kept_apart, teacher, min(4096, 8 * args.batch), args.batch))


if __name__ == "__main__":
    main()
