"""From probabilities to a list that a team works, every night.

In the order of the way: ``policy`` (what may be done) → ``scores`` (probabilities of the open orders) →
``suppression`` (whom to leave alone), ``value`` and ``capacity`` (whom first), together ``worklist.rank`` →
``publish`` (what is served) → ``export`` (files) → ``monitor`` and ``outcome`` (numbers), ``verdict`` (what they mean),
``alerts``. A night is held together by ``lock``, ``run`` and ``ledger``; ``reason_codes``, ``hours``, ``plain_text``,
``files``, ``columns`` and ``migrations`` serve the others.
"""
