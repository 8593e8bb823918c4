"""Range test, bounds and a cyclical schedule in Hugging Face's Trainer, on a small GPT-2 that learns to count.

Command:  pip install torch transformers accelerate && python examples/torch_transformers.py     (a few seconds)
"""

import clr_torch.transformers
import torch
import transformers

import clr_core

transformers.set_seed(0)
config = transformers.GPT2Config(vocab_size=16, n_positions=16, n_embd=32, n_layer=1, n_head=2)
rows = (torch.randint(16, (256, 1)) + torch.arange(16)) % 16
rows = torch.where(torch.rand(rows.shape) < 0.1, torch.randint(16, rows.shape), rows)  # one token in ten is noise
dataset = [{"input_ids": row, "labels": row} for row in rows]

# The budget: about 6 epochs, in whole cycles.
plan = clr_core.plan_cycles(epochs=6, examples=len(dataset), batch_size=16)
arguments = transformers.TrainingArguments(
    "unused",
    max_steps=plan.total_steps,
    per_device_train_batch_size=16,
    report_to=[],
    logging_steps=plan.step_size,
    save_strategy="no",
    disable_tqdm=True,
)
trainer = transformers.Trainer(transformers.GPT2LMHeadModel(config), arguments, train_dataset=dataset)

# The range test with the trainer's own data, loss and clipping; then the schedule it suggests.
bounds = clr_core.suggest_bounds(clr_torch.transformers.range_test(trainer, seeds=[0, 1, 2]), plan)
trainer.lr_scheduler = clr_torch.ScheduleLR(trainer.create_optimizer(), bounds.schedule())
print(bounds)
trainer.train()
